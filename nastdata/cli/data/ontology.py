"""``nastdata ontology``: an ontology of one's own: a starter, a checker, and what is in one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nastdata.ontology import Alternative, Condition, Ontology


@click.group("ontology", short_help="Write, check or show an ontology: findings, places, grades.")
def command() -> None:
    """An ontology says which findings there are, how each is called, where it can be and how severe.

    \b
    nastdata ontology new -o wrist.yaml
    nastdata ontology check wrist.yaml
    nastdata build mednega --set ontology=wrist.yaml --source mydata.yaml
    """


@command.command("new")
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="File to write.")
@click.option("--from", "base", help="Copy a built-in ontology instead of the commented starter.")
def new(out: Path, base: str | None) -> None:
    """Write a starter that works, with every key explained."""
    from nastdata.errors import UserError, name_nearest
    from nastdata.ontology import list_ontologies
    from nastdata.resources import find_resource

    known = list_ontologies()
    if base is not None and base not in known:
        raise UserError("no such built-in ontology", where=f"--from {base}", how=name_nearest(base, known))
    file = f"{base}.yaml" if base else "starter.txt"
    text = (find_resource("ontologies") / file).read_text(encoding="utf-8")
    try:
        with out.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise UserError("exists already", where=str(out), how="name another file") from None
    click.echo(f"{out}: now change it, then run `nastdata ontology check {out}`")


@command.command("check")
@click.argument("file")
@click.option("--no-trial", is_flag=True, help="Only read the file; build nothing.")
def check(file: str, no_trial: bool) -> None:
    """Check an ontology FILE in plain words, and try a small build with made-up studies.

    Exit code 1: there are mistakes, a line each: which key, what is wrong, and what would be right.
    """
    from nastdata.cli.data.ontology_trial import list_notes, try_builds
    from nastdata.errors import CheckFailedError
    from nastdata.ontology import OntologyError, load_ontology
    from nastdata.reading.parse import get_parser

    try:
        ontology = load_ontology(file)
        get_parser(ontology)
    except OntologyError as e:
        for mistake in e.mistakes:
            click.echo(f"  {mistake}")
        count = "1 mistake" if len(e.mistakes) == 1 else f"{len(e.mistakes)} mistakes"
        raise CheckFailedError(f"{file}: {count}") from None
    click.echo(f"{file}: {_count(ontology)}")
    click.echo("  read back  every name, affirmative phrase, place and grade is read as what it means")
    for note in list_notes(ontology):
        click.echo(f"  note       {note}")
    if not no_trial:
        failed = False
        for title, told, good in try_builds(file):
            click.echo(f"  {title:<10} {told}")
            failed |= not good
        if failed:
            raise CheckFailedError(f"{file}: a small build does not work")
    click.echo(f"ready: nastdata build mednega --set ontology={file} --source SOURCE")


@command.command("show")
@click.argument("name", required=False)
@click.option("--yaml", "as_yaml", is_flag=True, help="Print the file as it is.")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
def show(name: str | None, as_yaml: bool, as_json: bool) -> None:
    """Show what is in an ontology: a built-in NAME or a YAML file. Without a NAME, list the built-in ones."""
    from nastdata.ontology import list_ontologies, load_ontology
    from nastdata.resources import find_resource

    if name is None:
        for known in list_ontologies():
            click.echo(f"{known:<12} {_count(load_ontology(known))}")
        return
    ontology = load_ontology(name)
    if as_json:
        click.echo(ontology.model_dump_json(indent=1))
        return
    if as_yaml:
        path = find_resource("ontologies") / f"{name}.yaml"
        click.echo((path if path.is_file() else Path(name)).read_text(encoding="utf-8"), nl=False)
        return
    click.echo(f"{ontology.name}, version {ontology.version}: {_count(ontology)}")
    click.echo(f"of a {ontology.subject.text}; {ontology.review.status}")
    for c in ontology.conditions:
        click.secho(f"\n{c.name}", bold=True)
        lines = {
            "said": ", ".join((c.text, *c.synonyms)),
            "absent": "; ".join(_describe_alternative(a) for a in c.affirmative),
            "no such": _describe_denial(c),
            "kind of": ", ".join(c.parents),
            "grades": ", ".join(ontology.grades(c.name)),
            "places": ", ".join(c.places),
        }
        for title, text in lines.items():
            if text:
                click.echo(f"  {title:<8} {text}")


def _describe_alternative(alternative: Alternative) -> str:
    said = ", ".join((alternative.text, *alternative.synonyms))
    return f"{said} (excludes {', '.join(alternative.excludes)})" if alternative.excludes else said


def _describe_denial(condition: Condition) -> str:
    return f"excludes {', '.join(condition.excludes)}" if condition.excludes else ""


def _count(ontology: Ontology) -> str:
    parts = []
    for number, one, many in (
        (len(ontology.conditions), "condition", "conditions"),
        (len(ontology.places), "place", "places"),
        (len(ontology.scales), "scale of grades", "scales of grades"),
    ):
        parts.append(f"{number} {one if number == 1 else many}")
    return ", ".join(parts)
