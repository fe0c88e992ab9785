"""``nastdata parse``: what sentences and reports say."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from nastdata.text_input.records import Record

Item = tuple[str, "dict[str, Any] | None", "str | None"]
"""A text, the record whose other keys go with it, and the title it is shown under."""


@click.command("parse", short_help="Read sentences or reports and print the facts they state.")
@click.argument("paths", nargs=-1, metavar="[FILE|FOLDER|GLOB]...")
@click.option("--report", is_flag=True, help="Each file (or all of stdin, or each record) is one report.")
@click.option(
    "--text-key",
    metavar="KEY",
    help="Read records (JSON lines on stdin; JSON lines, CSV, TSV, Parquet files): the text is in KEY.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--ontology", default="chest_xray", show_default=True, help="Built-in name or YAML file.")
@click.option(
    "--language",
    metavar="NAME",
    help="Language of all texts (en, es). If not given, it is recognised for each text.",
)
@click.option(
    "--reader",
    type=click.Choice(["rules", "model", "both"]),
    default="rules",
    show_default=True,
    help="Who reads. With `both`, a fact is printed only if the rules and a language model agree.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="second_reader.KEY=VALUE",
    help="The language model: provider, base_url, model, ...",
)
@click.option("--may-leave-machine", is_flag=True, help="The texts may be sent to another machine.")
def command(
    paths: tuple[str, ...],
    report: bool,
    text_key: str | None,
    as_json: bool,
    ontology: str,
    language: str | None,
    reader: Any,
    settings: tuple[str, ...],
    may_leave_machine: bool,
) -> None:
    """Read sentences, one a line, from stdin or files, and print what each says.

    \b
    echo "No large left effusion." | nastdata parse
    nastdata parse --report --json reports/ > facts.jsonl
    nastdata parse --report --text-key report < reports.jsonl > facts.jsonl
    nastdata parse --report --text-key impression reports.csv > facts.jsonl
    echo "Sin derrame pleural." | nastdata parse --language es
    nastdata parse --report --reader both --set second_reader.base_url=http://127.0.0.1:8000/v1
      --set second_reader.model=NAME report.txt

    1 is present, 0 absent, -1 uncertain; a condition that nothing is said about isn't listed. With --text-key
    the output is JSON lines, one a record, with all keys of the record. What could not be understood is
    listed as unread, with the reason; its share is printed to stderr at the end.
    """
    from nastdata.cli.checking.reading_output import Tally, describe_reading, print_table, write_lines
    from nastdata.cli.checking.text_readers import make_reader, read_items
    from nastdata.ontology import load_ontology

    loaded = load_ontology(ontology)
    out = sys.stdout.buffer
    tally = Tally()
    table = sys.stdout.isatty() and not as_json and text_key is None
    by = make_reader(reader, settings, loaded, language, may_leave_machine=may_leave_machine)
    for reading, (_, record, title) in read_items(_list_items(paths, report, text_key), by, report=report):
        tally.add(reading)
        if as_json or text_key is not None:
            out.write(_dump(describe_reading(reading, loaded), record))
        elif table:
            print_table(reading, loaded, title)
        else:
            out.write(write_lines(reading, title).encode("utf-8", "replace") + b"\n")
        out.flush()
    click.echo(str(tally), err=True)
    for line in by.describe():
        click.echo(line, err=True)


def _dump(described: dict[str, Any], record: dict[str, Any] | None) -> bytes:
    """Return one JSON line: the record's keys, then those of the reading."""
    import json

    from nastdata.text_input.records import merge_keys

    line = merge_keys(record, described) if record is not None else described
    try:
        return json.dumps(line, ensure_ascii=False, default=str).encode() + b"\n"
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can hold and UTF-8 can't
        return json.dumps(line, default=str).encode() + b"\n"


def _list_items(paths: tuple[str, ...], report: bool, key: str | None) -> Iterator[Item]:
    """Return the texts of stdin or of all files, in order."""
    from nastdata.text_input.records import read_json_lines, read_records

    stdin = sys.stdin.buffer
    if not paths or paths == ("-",):
        if key is not None:
            yield from _take_key(read_json_lines(stdin, "stdin"), key)
        else:
            yield from _read_texts(stdin, "stdin", None, report)
        return
    for path in _find_files(paths, records=key is not None):
        if key is not None:
            yield from _take_key(read_records(path), key)
            continue
        from nastdata.text_input.lines import open_text

        with open_text(path) as stream:
            yield from _read_texts(stream, str(path), {"file": str(path)}, report)


def _read_texts(stream: Any, name: str, file: dict[str, Any] | None, report: bool) -> Iterator[Item]:
    from nastdata.text_input.lines import read_lines, read_whole

    if report:
        yield read_whole(stream, name), file, name
        return
    for number, line in read_lines(stream, name):
        if number == 1 and line.startswith("{") and line.rstrip().endswith("}"):
            click.echo(
                f"{name}: these look like JSON lines; to read one key of them: --text-key KEY", err=True
            )
        yield line, None if file is None else {**file, "line": number}, None


def _take_key(records: Iterator[Record], key: str) -> Iterator[Item]:
    """Return each record's text with the record; columns of bytes are left out, and named."""
    from nastdata.text_input.records import get_text

    told: set[str] = set()
    for record in records:
        values = {k: v for k, v in record.values.items() if not _holds_bytes(v)}
        for name in record.values.keys() - values.keys() - told:
            told.add(name)
            click.echo(f"left out of the output, since it holds bytes: '{name}'", err=True)
        yield get_text(record, key), values, record.where


def _holds_bytes(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_bytes, value.values()))
    return isinstance(value, bytes)


def _find_files(paths: tuple[str, ...], *, records: bool) -> list[Path]:
    """Return the files that arguments name: files, all texts (or tables) of folders, and globs.

    Raises:
        UserError: if one names nothing, or another kind of file than is asked for.
    """
    import glob

    from nastdata.errors import UserError
    from nastdata.text_input.records import TABLES, kind_of

    files: list[Path] = []
    for given in paths:
        path = Path(given)
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file())
            found = [p for p in inside if (kind_of(p) if records else p.suffix.lower() == ".txt")]
            wanted = ", ".join(TABLES) if records else ".txt"
            if not found:
                raise UserError(f"no file of the kind {wanted} in it", where=given)
            if len(found) < len(inside):
                left = len(inside) - len(found)
                click.echo(f"{given}: {left} of {len(inside)} files are not of the kind {wanted}", err=True)
        elif path.exists():
            found = [path]
        else:
            found = sorted(Path(p) for p in glob.glob(given, recursive=True) if Path(p).is_file())  # noqa: PTH207
            if not found:
                raise UserError("no such file", where=given)
        files += found
    for path in files:
        if records and kind_of(path) is None:
            raise UserError(
                "not a table, so it has no keys",
                where=str(path),
                how="--text-key is for " + ", ".join(TABLES),
            )
        if not records and kind_of(path) is not None:
            raise UserError(
                "a table: say which key or column holds the text", where=str(path), how="--text-key KEY"
            )
    return files
