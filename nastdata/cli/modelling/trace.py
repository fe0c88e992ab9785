"""``nastdata trace``: where in a text encoder negation is carried."""

from __future__ import annotations

from pathlib import Path

import click

from nastdata.cli.modelling.model_options import image_options, need_train, out_option, read_roots


@click.command("trace", short_help="Trace negation through a model's text encoder.")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--model", required=True, help="E.g. open_clip:ViT-B-32@openai, open_clip:FOLDER.")
@out_option("trace")
@click.option("--split", help="Rows of one split only.")
@click.option("--limit", type=click.IntRange(min=1), help="Use at most this many rows.")
@click.option(
    "--threshold",
    type=float,
    default=0.01,
    show_default=True,
    help="Use pairs whose right caption scores at least this much above its foil.",
)
@click.option(
    "--controls",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="Towers with shuffled weights, to compare with.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of every random choice.")
@image_options
def command(
    data: Path,
    model: str,
    out: Path,
    split: str | None,
    limit: int | None,
    threshold: float,
    controls: int,
    seed: int,
    images: tuple[str, ...],
    device: str,
    cache: Path,
) -> None:
    """Trace the probe pairs of a dataset folder DATA through a model's text encoder.

    \b
    nastdata build probes --out probes
    nastdata trace probes --model open_clip:ViT-B-32@openai --out trace

    Writes trace.json, trace.safetensors and heat maps; `nastdata train` takes layer weights from them.
    """
    need_train()
    roots = read_roots(images)
    from nastdata.evaluation.plots import plot_trace
    from nastdata.models.dataset_rows import get_keys, open_data
    from nastdata.models.image_features import embed_images
    from nastdata.models.registry import load_encoder
    from nastdata.progress import Progress
    from nastdata.tracing.run import TraceSettings, run_trace

    progress = Progress()
    with progress.stage("data") as stage:
        opened = open_data(data, roots)
        probes = opened.rows("probes", split, limit)
        stage.tell(f"{len(probes):,} pairs of {probes['patient_id'].n_unique():,} patients")
    with progress.stage("model") as stage:
        encoder = load_encoder(model, device)
        stage.tell(f"{encoder.text.depth} blocks, {encoder.text.heads} heads")
    with progress.stage("images") as stage:
        features = embed_images(encoder, opened.store, get_keys(probes), cache)
        stage.tell(f"{len(features):,} features")
    with progress.stage("trace") as stage:
        trace = run_trace(encoder, probes, features, TraceSettings(threshold, controls, seed=seed))
        trace.write(out)
        stage.tell(f"{trace.facts['distinct_pairs']} distinct pairs")
    plot_trace(trace, out)
    click.echo(f"{'layer':>5} {'CTE':>8} {'95 % interval':>20}")
    low, high = trace.arrays["noising_mean_of_ratios_interval"]
    for layer, value in enumerate(trace.arrays["noising_mean_of_ratios"]):
        click.echo(f"{layer:>5} {value:>8.3f} {f'[{low[layer]:.3f}, {high[layer]:.3f}]':>20}")
    for where, counts in trace.facts["segments_by_negation_in"].items():
        told = ", ".join(f"{name} {n:,}" for name, n in counts.items())
        click.echo(f"negation in the {where}: {told}")
    click.echo(f"left out for unequal token counts: {trace.facts['rows']['left_out_unequal_tokens']:,}")
    click.echo(f"trace: {out / 'trace.json'}")
