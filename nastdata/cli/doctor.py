"""``nastdata doctor``: which parts work here, and what to install for the others."""

from __future__ import annotations

import click


@click.command("doctor", short_help="Say which parts of nastdata work on this machine.")
@click.option("--writer", is_flag=True, help="Ask a language model three questions and show its raw answers.")
@click.option("--realizer", default="openai", show_default=True, help="For --writer: openai or local.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY.PATH=VALUE",
    help="For --writer: keys of the recipe, for example writer.model=NAME.",
)
def command(writer: bool, realizer: str, settings: tuple[str, ...]) -> None:
    """Say which parts of nastdata work on this machine, and what to install for the others.

    \b
    nastdata doctor
    nastdata doctor --writer --set writer.base_url=http://127.0.0.1:8000/v1 --set writer.model=NAME
    """
    if writer:
        return _try_writer(realizer, settings)
    if settings:
        from nastdata.errors import UserError

        raise UserError("--set belongs to --writer", where="--set", how="nastdata doctor --writer --set ...")
    import os
    import platform

    from nastdata import __version__
    from nastdata.extras import EXTRAS, list_missing

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    click.echo(f"nastdata {__version__}, Python {platform.python_version()}, {cores} cores")
    click.echo("  ok       base        build, parse, validate, audit, report, export")
    for extra, (_, use) in EXTRAS.items():
        if missing := list_missing(extra):
            click.echo(f"  missing  {extra:<11} {use}")
            click.echo(
                f"  {'':<8} {'':<11}   pip install 'nastdata[{extra}]'   (not found: {', '.join(missing)})"
            )
        else:
            click.echo(f"  ok       {extra:<11} {use}")
    from nastdata.ontology import load_ontology

    ontology = load_ontology("chest_xray")
    click.echo(
        f"  ok       ontology chest_xray: {len(ontology.conditions)} conditions, {ontology.review.status}"
    )
    _list_plug_ins()
    click.echo("corpora on this machine: nastdata sources")


def _try_writer(realizer: str, settings: tuple[str, ...]) -> None:
    """Show what a model answers to three questions, word for word, and whether the answers could be used."""
    from nastdata.assemble.checks import make_checks
    from nastdata.cli.options import read_recipe
    from nastdata.errors import CheckFailedError
    from nastdata.ontology import load_ontology
    from nastdata.writing.language_models.trial import try_writer

    named = dict.fromkeys(("source", "limit", "seed", "engine"))
    recipe = read_recipe(recipe="mednega", realizer=realizer, data=(), settings=settings, **named)
    ontology = load_ontology(recipe.ontology)
    used = 0
    trials = list(try_writer(recipe.writer, ontology, recipe.seed, make_checks(ontology)))
    for number, trial in enumerate(trials, 1):
        click.secho(f"question {number}", bold=True)
        click.echo(trial.asked.rstrip())
        click.secho("answer", bold=True)
        click.echo(trial.answered or "(nothing)")
        click.secho(f"verdict: {trial.verdict}\n", bold=True)
        used += trial.verdict.startswith("accepted")
    if used < len(trials):
        raise CheckFailedError(f"{used} of {len(trials)} answers could be used")
    click.echo(f"all {len(trials)} answers could be used")


def _list_plug_ins() -> None:
    """Say which adapters other packages add, and whether they load."""
    from nastdata.errors import UserError
    from nastdata.registry import GROUPS, list_adapters, list_hidden

    for group, kind in GROUPS.items():
        for adapter in (a for a in list_adapters(group).values() if not a.built_in):
            try:
                adapter.load()
            except UserError as e:
                click.echo(f"  broken   {kind} {adapter.name}: {str(e).splitlines()[0]}")
            else:
                click.echo(
                    f"  ok       {kind} {adapter.name}: plug-in of {adapter.package} {adapter.version}"
                )
        for hidden in list_hidden(group):
            click.echo(
                f"  unused   {kind} {hidden.name} of {hidden.package} {hidden.version}: the name is taken"
            )
