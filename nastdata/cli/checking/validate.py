"""``nastdata validate``: check a dataset folder, or captions of whatever origin."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from nastdata.checks.verdicts import Report


@click.command("validate", short_help="Check a dataset folder, or captions that others generated.")
@click.argument("paths", metavar="DIR|FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--against",
    multiple=True,
    metavar="PATH|auto|SOURCE=PATH",
    help="For a FILE: what is on record: labels, facts, or a dataset folder.  [default: FILE itself]  "
    "For a DIR: its source's files, which are read again; may be given several times.",
)
@click.option(
    "--text-key", "--text", "text", metavar="COLUMN", help="For a FILE: column of the captions or reports."
)
@click.option("--id-key", metavar="COLUMN", help="For a FILE: column that joins it with --against.")
@click.option("--against-id-key", metavar="COLUMN", help="For --against: column that joins it with the FILE.")
@click.option(
    "--patient-key", metavar="COLUMN", help="For a FILE: column of the patients, whom intervals resample."
)
@click.option("--by-row", is_flag=True, help="FILE and --against have the same rows in the same order.")
@click.option("--condition", metavar="COLUMN", help="With one finding in each row: its condition.")
@click.option(
    "--existence", metavar="COLUMN", help="With one finding in each row: present or absent (1, 0, yes ...)."
)
@click.option("--location", metavar="COLUMN", help="With one finding in each row: its place.")
@click.option("--severity", metavar="COLUMN", help="With one finding in each row: its grade.")
@click.option("--facts-key", metavar="COLUMN", help="Column or key with a list of facts.")
@click.option(
    "--blank",
    type=click.Choice(["unknown", "absent"]),
    default="unknown",
    show_default=True,
    help="What a blank or unlisted label means.",
)
@click.option(
    "--no-finding",
    type=click.Choice(["absent", "unknown"]),
    default="absent",
    show_default=True,
    help="With a label No Finding, what conditions without a label are.",
)
@click.option(
    "--max-contradicted",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="A higher share of contradicted findings gives exit code 1.",
)
@click.option(
    "--bootstrap",
    type=click.IntRange(10, 100_000),
    default=1000,
    show_default=True,
    help="How many resamples the intervals take.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the bootstrap.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Where verdicts on captions are saved: PATH.findings.parquet, .texts.parquet, .totals.csv, .json; "
    "as CSV if PATH ends with .csv.  [default: FILE.verdicts]",
)
@click.option(
    "--ontology", metavar="NAME|FILE", default="chest_xray", show_default=True, help="Ontology for a FILE."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON only.")
@click.option(
    "--failures",
    type=click.Path(path_type=Path, dir_okay=False),
    help="For a DIR: where failing rows are saved (parquet).  [default: DIR.failures.parquet]",
)
@click.option("--no-audit", is_flag=True, help="For a DIR: leave out the blind solvers.")
@click.option(
    "--image-root",
    "image_roots",
    multiple=True,
    metavar="SOURCE=FOLDER",
    help="For a DIR: your copy of a corpus's images. Names in their headers must not be in the folder.",
)
@click.option(
    "--seeds",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="For the audit: how many times the data are divided into folds.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Where texts are read back: here, or on a Ray cluster (RAY_ADDRESS).",
)
def command(paths: tuple[Path, ...], **options: Any) -> None:
    """Check the dataset folder DIR: files, columns, rows, the round trip of every text, the blind audit.

    \b
    nastdata validate mednega
    nastdata validate mednega --json | jq .failed_rules
    nastdata validate mednega --against /data/CheXpert

    Or judge every finding of captions or reports that others generated (csv, tsv, JSON lines, Parquet):
    supported, contradicted (in existence, place or grade), not supported, missed, or unread. Several files
    are compared with the first.

    \b
    nastdata validate reports.csv --against chexpert_labels.csv
    nastdata validate model_a.jsonl model_b.jsonl --against DIR --out verdicts
    nastdata validate captions.csv --text caption --condition finding --existence label

    The last form, with one fact a caption, checks a table of captions against its own columns word by word.
    Exit code 1: a check failed, or the share of contradicted findings is above --max-contradicted.
    """
    from nastdata.errors import UserError
    from nastdata.text_input.records import kind_of

    path, against = paths[0], options["against"]
    columns = ("text", "id_key", "condition", "existence", "location", "severity", "facts_key")
    named = [c for c in columns if options[c]]
    folders = [p for p in paths if p.is_dir()]
    is_file = path.exists() or kind_of(path) is not None
    if len(paths) == 1 and (folders or not is_file):
        if named:
            what = "columns are named, but this is " + ("a folder" if folders else "no file")
            raise UserError(what, where=str(path), how="--text and the like are for a table of captions")
        _check_folder(path, options)
    elif folders:
        how = "nastdata validate captions.csv --against DIR"
        raise UserError("one folder at a time, or files only", where=str(folders[0]), how=how)
    elif len(against) > 1:
        raise UserError("captions are judged by one record", where="--against", how="give it once")
    elif not against and len(paths) == 1 and all(options[c] for c in ("text", "condition", "existence")):
        _check_table(path, options)
    else:
        _judge_captions(paths, Path(against[0]) if against else None, options)


def _check_folder(path: Path, options: dict[str, Any]) -> None:
    from nastdata.checks.run import validate_folder
    from nastdata.cli.options import read_image_root

    report = validate_folder(
        path,
        audit=not options["no_audit"],
        seeds=options["seeds"],
        engine=options["engine"],
        image_roots=dict(read_image_root(item) for item in options["image_roots"]),
        against=options["against"],
    )
    _finish(report, options["failures"], _beside(path), options["as_json"])


def _check_table(path: Path, options: dict[str, Any]) -> None:
    """One fact a caption, each text exactly that fact."""
    from nastdata.checks.generated.table_file import Columns, validate_table
    from nastdata.ontology import load_ontology

    names = ("text", "condition", "existence", "location", "severity")
    columns = Columns(*(options[n] for n in names))
    report = validate_table(path, columns, load_ontology(options["ontology"]), options["engine"])
    _finish(report, options["failures"], _beside(path), options["as_json"])


def _beside(path: Path) -> Path:
    beside = path.absolute()
    return beside.with_name(beside.name + ".failures.parquet")


def _judge_captions(paths: tuple[Path, ...], against: Path | None, options: dict[str, Any]) -> None:
    """Many findings a text, against labels, facts or a dataset folder."""
    from nastdata.checks.generated.inputs import Options
    from nastdata.checks.generated.run import Settings, save, validate_captions
    from nastdata.checks.generated.tables import Given
    from nastdata.cli.checking.caption_tables import print_report, say_inputs
    from nastdata.errors import CheckFailedError

    given = Given(*(options[n] for n in ("condition", "existence", "location", "severity", "facts_key")))
    settings = Settings(
        Options(
            text=options["text"],
            key=options["id_key"],
            against_key=options["against_id_key"],
            patient=options["patient_key"],
            given=given,
            by_row=options["by_row"],
            closed=options["blank"] == "absent",
        ),
        options["ontology"],
        options["no_finding"] == "absent",
        options["max_contradicted"],
        options["bootstrap"],
        options["seed"],
        engine=options["engine"],
    )
    report, results = validate_captions(paths, against, settings)
    first = paths[0].absolute()
    saved = save(options["out"] or first.with_name(first.name + ".verdicts"), report, results)
    if options["as_json"]:
        import json

        click.echo(json.dumps({**report, "saved": saved}, indent=2))
    else:
        say_inputs(report)
        print_report(report)
        click.echo("\nsaved: " + ", ".join(saved.values()))
    if not report["passed"]:
        shares = [(n, f["rates"]["contradicted"]) for n, f in report["files"].items()]
        unread = report["files_without_a_readable_finding"]
        above = [
            f"{n} {s['count']:,} of {s['of']:,} findings are contradicted"
            for n, s in shares
            if s["value"] is not None and s["value"] > settings.max_contradicted
        ]
        above += [f"{n} states no finding that could be read" for n in unread]
        raise CheckFailedError("failed: " + "; ".join(above))


def _finish(report: Report, failures: Path | None, default: Path, as_json: bool) -> None:
    """Save what failed, print the verdicts, and fail if one of them does."""
    from nastdata.errors import CheckFailedError, UserError

    where = failures or default
    saved = len(report.failures) > 0
    if saved:
        try:
            report.failures.write_parquet(where)
        except OSError as e:
            raise UserError(
                f"can't be written ({e.strerror or e})", where=str(where), how="--failures PATH"
            ) from e
    elif failures is None:
        # What an earlier run left there is no longer true.
        where.unlink(missing_ok=True)
    if as_json:
        import json

        told = {**report.to_json(), "failures": str(where) if saved else None}
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        _print_table(report)
        if saved:
            click.echo(f"what did not hold: {where}")
    if not report.passed:
        raise CheckFailedError("failed: " + ", ".join(report.failed_rules))


def _print_table(report: Report) -> None:
    """Print the verdicts: a table on a terminal, aligned plain lines elsewhere."""
    from nastdata.cli.tables import print_table

    head = ("rule", "config", "checked", "failed", "verdict", "note")
    rows: list[tuple[str, ...]] = [
        (v.rule, v.config or "-", f"{v.checked:,}", f"{v.failed:,}", v.outcome, v.note)
        for v in report.verdicts
    ]
    styles = {"failed": "bold red", "warned": "yellow", "skipped": "dim"}
    shown = {i: styles[row[4]] for i, row in enumerate(rows) if row[4] in styles}
    print_table(head, rows, styles=shown, numbers=("checked", "failed"))
