"""``nastdata sources``: what each corpus needs, and what was found here."""

from __future__ import annotations

from pathlib import Path

import click


@click.group(
    "sources",
    invoke_without_command=True,
    short_help="Say what each corpus needs; describe and check your own tables.",
)
@click.option("--data", type=click.Path(path_type=Path), help="Look in this folder only, for every corpus.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON only.")
@click.pass_context
def command(ctx: click.Context, data: Path | None, as_json: bool) -> None:
    """Show what each corpus needs, where it was looked for, what was found, and what its terms allow.

    \b
    nastdata sources
    nastdata sources new labels.csv -o mydata.yaml
    nastdata sources check mydata.yaml
    """
    if ctx.invoked_subcommand is not None:
        return
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
    click.echo("Your own labels or reports: nastdata sources new FILE -o mydata.yaml")
    click.echo("Name files with --data PATH (or --data NAME=PATH), or set NASTDATA_<NAME> to a path.")


def _print(row: dict[str, object]) -> None:
    found, terms = row["found"], row["terms"]
    assert isinstance(found, list) and isinstance(terms, dict)
    click.secho(f"{row['name']:<18} {row['title']}", bold=True, nl=False)
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


@command.command("new", short_help="Look at a table or reports and write a description to start from.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="YAML file to write.")
@click.option(
    "--ontology",
    default="chest_xray",
    show_default=True,
    help="The ontology with the conditions to look for.",
)
@click.option("--force", is_flag=True, help="Replace the YAML file if it exists.")
def new(files: tuple[Path, ...], out: Path, ontology: str, force: bool) -> None:
    """Look at FILE (a table, or a folder of tables or .txt reports) and write a description of it.

    \b
    nastdata sources new labels.csv -o mydata.yaml
    nastdata sources new reports/ -o mydata.yaml

    The file is commented: it says what was recognised, what was not, and what is left for you to say.
    """
    from nastdata.cli.data.own_sources import write_new

    write_new(files, out, ontology, force=force)


@command.command("check", short_help="Read all rows of a description's data and say what they give.")
@click.argument("source", metavar="FILE.yaml", type=click.Path(path_type=Path))
@click.option(
    "--data", type=click.Path(path_type=Path), help="Folder of the files, if it is not the YAML file's."
)
@click.option("--ontology", help="The ontology; the description's own if not given.")
@click.option("--show", default=10, show_default=True, type=click.IntRange(1), help="Unusable rows to show.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON only.")
def check(source: Path, data: Path | None, ontology: str | None, show: int, as_json: bool) -> None:
    """Read all rows, and print what was understood, what was not, and what could be built from it.

    \b
    nastdata sources check mydata.yaml

    Exit code 1: nothing could be built, or too many rows can't be used.
    """
    from nastdata.cli.data.own_sources import print_check

    print_check(source, data, ontology, show=show, as_json=as_json)
