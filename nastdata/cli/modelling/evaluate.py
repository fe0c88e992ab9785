"""``nastdata evaluate``: how well models tell negation from affirmation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nastdata.cli.modelling.model_options import image_options, need_train, read_roots


@click.command("evaluate", short_help="Evaluate models on datasets: accuracy, recall, AUC, gaps.")
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--model", "models", multiple=True, required=True, help="A model; the first is compared with.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("evaluation"), show_default=True)
@click.option("--split", default="test", show_default=True, help="Split to evaluate on; 'all' for every row.")
@click.option("--limit", type=click.IntRange(min=1), help="Highest number of rows of each config.")
@click.option("--bootstrap", type=click.IntRange(min=10), default=1000, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@image_options
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
) -> None:
    """Evaluate models on dataset folders, or on CSV files in NegBench's columns.

    \b
    nastdata evaluate mednega contextual --model open_clip:ViT-B-32@openai --model open_clip:run/model
    nastdata evaluate mcq.csv --images csv=/data/images --model transformers:FOLDER
    nastdata evaluate mednega --model vlm:MODEL@http://localhost:8000/v1

    Intervals resample patients; models are compared with the first one on the same rows.
    """
    need_train()
    roots = read_roots(images)
    from nastdata.evaluation import run as ev
    from nastdata.evaluation.tables import open_table
    from nastdata.models.dataset_rows import open_data
    from nastdata.models.registry import load_encoder
    from nastdata.progress import Progress

    settings = ev.EvaluateSettings(None if split == "all" else split, bootstrap, seed, limit)
    progress = Progress(quiet=as_json)
    opened = [open_table(p, roots) if p.suffix == ".csv" else open_data(p, roots) for p in data]
    found: dict[str, list[Any]] = {}
    report: dict[str, Any] = {"data": [str(p) for p in data], "settings": vars(settings), "models": {}}
    report |= {"results": {}, "auc": {}}
    for spec in models:
        with progress.stage("evaluate") as stage:
            if spec.startswith("vlm:"):
                from nastdata.evaluation.generative import judge_vlm

                found[spec] = ev.merge_outcomes(
                    [(p.stem, judge_vlm(spec, d, settings, cache)) for p, d in zip(data, opened, strict=True)]
                )
                report["models"][spec] = {"model": spec}
            else:
                encoder = load_encoder(spec, device)
                found[spec] = ev.merge_outcomes(
                    [
                        (p.stem, ev.evaluate(encoder, d, settings, cache))
                        for p, d in zip(data, opened, strict=True)
                    ]
                )
                report["models"][spec] = ev.describe_model(encoder)
                auc = [ev.score_conditions(encoder, d, settings, cache) for d in opened]
                report["auc"][spec] = {c: v for part in auc for c, v in part.items()}
            report["results"][spec] = ev.summarise(found[spec], settings)
            stage.tell(spec)
    report["compared_with_first"] = ev.compare_models(found, models[0], settings)
    ev.write_report(out, report)
    if as_json:
        import json

        click.echo(json.dumps(report, indent=1))
        return
    for name, result in report["results"].items():
        click.echo(name)
        for key, value in result.items():
            told = f"{100 * value['mean']:6.1f}  [{100 * value['low']:.1f}, {100 * value['high']:.1f}]"
            click.echo(f"  {key:<44} {told}  n={value['n']:,}")
    click.echo(f"evaluation: {out / 'evaluation.md'}, {out / 'evaluation.json'}")
