"""``nastdata review``: people look at a sample of a dataset, or at an ontology, and sign what they found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nastdata.cli.options import read_image_root

if TYPE_CHECKING:
    from nastdata.review.sample import Plan
    from nastdata.review.session import Session


@click.command("review", short_help="Have people review a sample of a dataset, or an ontology.")
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), required=False)
@click.option("--ontology", metavar="NAME|FILE", help="Review an ontology instead of a dataset.")
@click.option("--reviewer", multiple=True, help="Name or initials of a reader; give two or more.")
@click.option("--adjudicator", multiple=True, help="Who decides where readers disagree.")
@click.option(
    "--margin", type=float, help="Half of the width of the 95 % interval of each config's acceptance."
)
@click.option(
    "--expected", type=float, help="Acceptance that is expected; with --margin it sizes the sample."
)
@click.option("--items", type=click.IntRange(min=1), help="Size of the sample, in place of --margin.")
@click.option("--seed", type=int, help="Seed of the sample.")
@click.option("--config", "configs", multiple=True, help="Only this config; may be given several times.")
@click.option("--split", "splits", multiple=True, help="Only this split; may be given several times.")
@click.option("--image-root", multiple=True, metavar="SOURCE=FOLDER", help="Where a source's images are.")
@click.option(
    "--db", type=click.Path(path_type=Path), help="File of the review; DIR.review.sqlite if not given."
)
@click.option("--fresh", is_flag=True, help="Put a review that was begun aside, and draw a new sample.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to serve the page on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port; any free one if not given.")
@click.option(
    "--figures", is_flag=True, help="Print acceptance, agreement and rejected items; serve nothing."
)
@click.option("--json", "as_json", is_flag=True, help="With --figures: print JSON only.")
@click.option(
    "--export", "export", type=click.Path(path_type=Path), help="Write answers: .csv, .xlsx, .json."
)
@click.option("--import", "import_", type=click.Path(path_type=Path), help="Read answers from such a file.")
@click.option("--replace", is_flag=True, help="With --import: the file's answers replace other ones.")
@click.option("--sign-off", metavar="NAME", help="Sign the review: name or initials.")
@click.option("--role", help="With --sign-off: e.g. 'board-certified radiologist'.")
@click.option("--date", help="With --sign-off: YYYY-MM-DD; today if not given.")
@click.option("--scope", help="With --sign-off: what was looked at, in words.")
@click.option("--apply", is_flag=True, help="Write a dataset without the rejected items.")
@click.option("--no-corrections", is_flag=True, help="With --apply: leave items out rather than reword them.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="With --apply: new folder (DIR-reviewed); with --ontology: file.",
)
def command(**options: Any) -> None:
    """Serve a page on which two or more people review a sample of the dataset folder DIR.

    \b
    nastdata review mednega --reviewer AB --reviewer CD
    nastdata review mednega --adjudicator EF
    nastdata review mednega --figures
    nastdata review mednega --sign-off "A. Bee" --role "board-certified radiologist"
    nastdata review mednega --apply --out mednega-reviewed
    nastdata review --ontology chest_xray --reviewer AB --reviewer CD

    Answers are kept in DIR.review.sqlite. Nothing leaves this machine, and the folder is changed by
    --sign-off only.
    """
    from nastdata.review.session import open_session

    _check_options(options)
    session = open_session(
        options["folder"],
        options["ontology"],
        db=options["db"],
        plan=_read_plan(options),
        roots=dict(read_image_root(r) for r in options["image_root"]),
        fresh=options["fresh"],
        begin=not (options["figures"] or options["sign_off"] or options["apply"]),
    )
    try:
        _run(session, options)
    finally:
        session.store.close()


def _run(session: Session, options: dict[str, Any]) -> None:
    if options["import_"]:
        from nastdata.review.exchange.run import import_review

        done = import_review(session.store, options["import_"], replace=options["replace"])
        click.echo(
            f"{options['import_']}: {done.added:,} answers entered, {done.unchanged:,} known already, "
            f"{done.blank:,} blank" + (f"; new: {', '.join(done.people)}" if done.people else "")
        )
    if options["export"]:
        from nastdata.review.exchange.run import export_review
        from nastdata.review.session import enrol

        enrol(session, options["reviewer"], options["adjudicator"])
        for path in export_review(session.store, options["export"]):
            click.echo(f"written: {path}")
    if options["figures"]:
        _print_figures(session, options["as_json"])
    if options["sign_off"]:
        _sign(session, options)
    if options["apply"]:
        from nastdata.review.changes.apply import apply_review

        out = options["out"] or _choose_place(options["folder"])
        applied = apply_review(session, out, corrections=not options["no_corrections"])
        for line in applied.lines:
            click.echo(line)
        if applied.failures:
            from nastdata.errors import CheckFailedError

            raise CheckFailedError("the audit found: " + "; ".join(applied.failures))
    if not any(options[k] for k in ("import_", "export", "figures", "sign_off", "apply")):
        _serve(session, options)


def _serve(session: Session, options: dict[str, Any]) -> None:
    from nastdata.review.session import enrol, serve_session

    people = enrol(session, options["reviewer"], options["adjudicator"])
    said = "begun" if session.begun else "resumed"
    click.echo(f"review of {session.title}, {said}: {len(session.items):,} items; {session.tell_sample()}")
    for note in session.notes:
        click.echo(f"  note: {note}")
    click.echo("Each link works once; when it is used, a new one is shown here. Ctrl+C ends the review page.")

    def announce(person: str, link: str) -> None:
        click.echo(f"  {person} ({session.tell_progress(person)}): {link}")

    serve_session(session, people, options["host"], options["port"], announce)
    click.echo(f"answers are kept in {session.store.path}; the same command goes on")


def _choose_place(folder: Path) -> Path:
    """Return ``DIR-reviewed`` beside the folder.

    Raises:
        UserError: if something is there already.
    """
    from nastdata.errors import UserError

    whole = folder.resolve()
    out = whole.with_name(f"{whole.name}-reviewed")
    if out.exists():
        raise UserError("exists already", where=str(out), how="name another folder with --out")
    return out


def _sign(session: Session, options: dict[str, Any]) -> None:
    from nastdata.review.signing import sign_session

    for line in sign_session(
        session,
        name=options["sign_off"],
        role=options["role"] or "",
        date=options["date"],
        scope=options["scope"] or "",
        out=options["out"] if options["ontology"] else None,
    ):
        click.echo(line)


def _print_figures(session: Session, as_json: bool) -> None:
    from nastdata.review.figures.lines import list_lines
    from nastdata.review.figures.measure import measure_review

    figures = measure_review(session.store)
    if as_json:
        import json

        click.echo(json.dumps(figures, indent=2, ensure_ascii=False, allow_nan=False))
        return
    for line in list_lines(figures):
        click.echo(line)


def _read_plan(options: dict[str, Any]) -> Plan | None:
    """Return the plan that the options ask for, or None if they ask for nothing."""
    from nastdata.review.sample import Plan

    asked = {k: options[k] for k in ("margin", "expected", "items", "seed") if options[k] is not None}
    asked |= {k: options[k] for k in ("configs", "splits") if options[k]}
    return Plan(**asked) if asked else None


def _check_options(options: dict[str, Any]) -> None:
    """Refuse options that don't go together.

    Raises:
        UserError: naming the first.
    """
    from nastdata.errors import UserError
    from nastdata.records import SPLITS

    if (options["folder"] is None) == (options["ontology"] is None):
        raise UserError("give a dataset folder, or --ontology", how="nastdata review DIR")
    goes_with = {"role": "sign_off", "date": "sign_off", "scope": "sign_off", "replace": "import_"}
    goes_with |= {"no_corrections": "apply", "as_json": "figures"}
    for option, needed in goes_with.items():
        if options[option] and not options[needed]:
            name = {"import_": "import", "as_json": "json"}
            asked, missing = (name.get(o, o).replace("_", "-") for o in (option, needed))
            raise UserError(f"--{asked} goes with --{missing}")
    if options["apply"] and options["ontology"]:
        raise UserError(
            "an ontology is corrected by hand", where="--apply", how="--figures lists what was rejected"
        )
    if options["sign_off"] and not options["role"]:
        raise UserError("say in which role", where="--sign-off", how="--role 'board-certified radiologist'")
    for name in options["splits"]:
        if name not in SPLITS:
            raise UserError(f"no split '{name}'", where="--split", how="splits are " + ", ".join(SPLITS))
    for key, low, high in (("margin", 0.001, 0.5), ("expected", 0.01, 0.99)):
        if options[key] is not None and not low <= options[key] <= high:
            raise UserError(f"not between {low} and {high}", where=f"--{key} {options[key]}")
