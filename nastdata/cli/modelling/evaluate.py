"""``nastdata evaluate``: how well models tell negation from affirmation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nastdata.cli.modelling.model_options import (
    image_options,
    models_option,
    need_train,
    out_option,
    read_roots,
)
from nastdata.cli.modelling.vision_options import read_vision, vision_options
from nastdata.errors import CheckFailedError

if TYPE_CHECKING:
    from nastdata.evaluation.session import Session


@click.command("evaluate", short_help="Evaluate models on datasets: accuracy, recall, AUC, gaps.")
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path))
@models_option
@out_option("evaluation")
@click.option("--split", default="test", show_default=True, help="Split to evaluate on; 'all' for every row.")
@click.option("--limit", type=click.IntRange(min=1), help="Use at most this many rows of each config.")
@click.option(
    "--bootstrap",
    type=click.IntRange(min=10),
    default=1000,
    show_default=True,
    help="How many resamples the intervals take.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the resampling.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@image_options
@vision_options
def command(
    data: tuple[Path, ...],
    models: tuple[str, ...],
    out: Path,
    split: str,
    limit: int | None,
    bootstrap: int,
    seed: int,
    as_json: bool,
    images: tuple[str, ...],
    device: str,
    cache: Path,
    **given: Any,
) -> None:
    """Evaluate models on dataset folders, or on CSV files in NegBench's columns.

    \b
    nastdata evaluate mednega contextual --model open_clip:ViT-B-32@openai --model open_clip:run/model
    nastdata evaluate mcq.csv --images csv=/data/images --model transformers:FOLDER
    nastdata evaluate mednega contextual --model vlm:NAME@http://localhost:8000/v1 --controls
    nastdata evaluate mednega --model vlm-local:FOLDER --choice logprobs

    Intervals resample patients; models are compared with the first one on the same rows. OUT
    holds evaluation.html (open it in a browser), evaluation.json, evaluation.md, and all answers in
    answers-*.jsonl.
    """
    need_train()
    vision = read_vision(given)
    from nastdata.evaluation.run import EvaluateSettings
    from nastdata.evaluation.session import Session
    from nastdata.progress import Progress

    settings = EvaluateSettings(None if split == "all" else split, bootstrap, seed, limit)
    session = Session(data, read_roots(images), settings, vision, device=device, cache=cache)
    progress = Progress(quiet=as_json)
    for spec in models:
        with progress.stage("evaluate") as stage:
            session.judge(spec, progress.say)
            stage.tell(spec)
    report = session.finish(out)
    if as_json:
        import json

        click.echo(json.dumps(report, indent=1))
    else:
        _print(report, out)
    _tell_problems(session)


def _print(report: dict[str, Any], out: Path) -> None:
    for name, result in report["results"].items():
        click.echo(name)
        for key, value in result.items():
            if "condition" in key and "[" in key:
                continue  # some dozens: in the page and the JSON
            told = f"{100 * value['mean']:6.1f}  [{100 * value['low']:.1f}, {100 * value['high']:.1f}]"
            click.echo(f"  {key:<44} {told}  n={value['n']:,}")
    files = ("evaluation.html", "evaluation.md", "evaluation.json")
    click.echo("evaluation: " + ", ".join(str(out / f) for f in files))


def _tell_problems(session: Session) -> None:
    """Say on stderr what a reader of the figures has to know.

    Raises:
        CheckFailedError: if questions got no answer.
    """
    for note in session.notes:
        click.echo(f"nastdata: {note}", err=True)
    if session.failed:
        plural = "question" if session.failed == 1 else "questions"
        raise CheckFailedError(
            f"{session.failed:,} {plural} got no answer and count as unusable\n"
            "run the same command again to ask only these"
        )
