"""``nastdata parse``: what sentences say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nastdata.reading.parse import Reading
    from nastdata.records import Fact


@click.command("parse", short_help="Read sentences from stdin and print the facts they state.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.option("--ontology", default="chest_xray", show_default=True, help="Built-in name or YAML file.")
def command(as_json: bool, ontology: str) -> None:
    """Read sentences from stdin, one per line, and print what each says.

    1 is present, 0 absent, -1 uncertain; a condition that nothing is said about isn't listed.
    """
    import json
    import sys

    from nastdata.ontology import load_ontology
    from nastdata.reading.parse import Parser

    parser = Parser(load_ontology(ontology))
    for number, raw in enumerate(sys.stdin.buffer, 1):
        reading = parser.parse(_decode(raw, number))
        if as_json:
            facts = [_describe(p.fact) for p in reading.facts]
            line = {"text": reading.text, "labels": reading.labels, "facts": facts}
            click.echo(json.dumps(line, ensure_ascii=False))
        else:
            click.echo(_tabulate(reading))
        sys.stdout.flush()


def _decode(raw: bytes, number: int) -> str:
    from nastdata.errors import UserError

    try:
        return raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as e:
        raise UserError(
            f"not UTF-8 (byte {e.start + 1} of the line)",
            where=f"stdin, line {number}",
            how="convert the text first, for example: iconv -f latin1 -t utf-8",
        ) from e


def _describe(fact: Fact) -> dict[str, str | None]:
    """Return a fact's JSON; a denied attribute stands under its own key."""
    return {
        "condition": fact.condition,
        "existence": fact.existence,
        "location": None if fact.denies == "location" else fact.location,
        "severity": None if fact.denies == "severity" else fact.severity,
        "not_location": fact.location if fact.denies == "location" else None,
        "not_severity": fact.severity if fact.denies == "severity" else None,
    }


def _tabulate(reading: Reading) -> str:
    """Return one line: the text, then condition=label with place and grade."""
    said = []
    for p in reading.facts:
        f = p.fact
        no = "not " if f.denies else ""
        details = ", ".join(no + d for d in (f.severity, f.location) if d)
        said.append(f"{f.condition} {f.existence}" + (f" ({details})" if details else ""))
    return f"{reading.text}\n    {'; '.join(said) or '-'}"
