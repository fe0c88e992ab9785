"""``nastdata sources``: what each corpus needs, and what was found here."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("sources", short_help="Say what each corpus needs, and what was found here.")
@click.option("--data", type=click.Path(path_type=Path), help="Look in this folder only, for every corpus.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON only.")
def command(data: Path | None, as_json: bool) -> None:
    """Say what each corpus needs, where it was looked for, what was found, and what its terms allow."""
    from dataclasses import asdict

    from nastdata.errors import UserError
    from nastdata.registry import list_adapters, load_all
    from nastdata.sources import GROUP

    if data is not None and not data.is_dir():
        raise UserError("no such folder", where=str(data), how="give the folder that holds the corpora")
    rows = []
    adapters = list_adapters(GROUP)
    for name, source in load_all(GROUP, lambda line: click.echo(f"nastdata: {line}", err=True)).items():
        adapter = adapters[name]
        found, looked = source.find(data)
        rows.append(
            {
                "name": name,
                "title": source.title,
                "package": None if adapter.built_in else f"{adapter.package} {adapter.version}",
                "usable": bool(found) or not looked,
                "needs": list(source.needs),
                "looked": looked,
                "found": [str(f) for f in found],
                "terms": asdict(source.terms),
            }
        )
    if as_json:
        import json

        click.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        _print(row)
    click.echo("Name files with --data PATH (or --data NAME=PATH), or set NASTDATA_<NAME> to a path.")


def _print(row: dict[str, object]) -> None:
    found, terms = row["found"], row["terms"]
    assert isinstance(found, list) and isinstance(terms, dict)
    click.secho(f"{row['name']:<10} {row['title']}", bold=True, nl=False)
    click.echo(
        "  "
        + ("ready" if row["usable"] else "not found")
        + (f"  ({row['package']})" if row["package"] else "")
    )
    publish = {
        "yes": "may be published",
        "private": "private repositories only",
        "no": "may not be published",
    }
    leave = "may go to an LLM service" if terms["may_leave_machine"] else "stays on this machine"
    lines = {
        "needs": row["needs"],
        "looked in": row["looked"],
        "found": found,
        "terms": [terms["licence"], f"{leave}; {publish[terms['may_publish']]}"],
    }
    for title, values in lines.items():
        assert isinstance(values, list)
        for i, value in enumerate(values):
            click.echo(f"  {title if i == 0 else '':<10} {value}")
    click.echo()
