"""``nastdata explain``: attribution to the negation, maps of prompts, heads, and what tuning changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click

from nastdata.cli.modelling.model_options import (
    image_options,
    models_option,
    need_train,
    out_option,
    read_roots,
)


@click.command("explain", short_help="Explain how models read negation.")
@click.argument("data", type=click.Path(path_type=Path))
@models_option
@out_option("explanation")
@click.option("--split", help="Rows of one split only.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=500, show_default=True, help="Use at most this many rows."
)
@click.option(
    "--map",
    "layout",
    type=click.Choice(["tsne", "umap"]),
    default="tsne",
    show_default=True,
    help="How prompts are laid out; umap needs umap-learn.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of every random choice.")
@image_options
def command(
    data: Path,
    models: tuple[str, ...],
    out: Path,
    split: str | None,
    limit: int,
    layout: Literal["tsne", "umap"],
    seed: int,
    images: tuple[str, ...],
    device: str,
    cache: Path,
) -> None:
    """Explain models on the probes (or quadruplets) of a dataset folder DATA.

    \b
    nastdata explain probes --model open_clip:ViT-B-32@openai --model open_clip:run/model

    Writes explanation.json and pictures: attribution share of the negation, a map of prompts (t-SNE or
    UMAP) with a silhouette score, a map of heads, and each layer's share of the change between the models.
    """
    need_train()
    roots = read_roots(images)
    import json

    import numpy as np

    from nastdata.evaluation import explain as ex
    from nastdata.evaluation.embedding_maps import check_layout
    from nastdata.evaluation.plots import plot_heat, plot_points, plot_shares
    from nastdata.models.dataset_rows import open_data
    from nastdata.models.image_features import embed_images
    from nastdata.models.registry import load_encoder
    from nastdata.progress import Progress

    check_layout(layout)
    opened = open_data(data, roots)
    pairs, keys = ex.read_pairs(opened, split, limit)
    progress = Progress()
    report: dict[str, Any] = {"data": str(data), "pairs": len(pairs), "models": {}}
    base = None
    for i, spec in enumerate(models):
        with progress.stage("explain") as stage:
            encoder = load_encoder(spec, device)
            features = embed_images(encoder, opened.store, keys, cache)
            found = ex.attribute_negation(encoder, pairs, features)
            told: dict[str, Any] = {"attribution": found}
            told["prompts"] = ex.map_prompts(encoder, pairs, seed, layout)
            heads = ex.ablate_heads(encoder, pairs, features)
            told |= {"heads": ex.to_lists(heads), "strongest_heads": ex.name_heads(heads)}
            if base is not None:
                told["update"] = ex.compare_updates(base, encoder)
            base = base or encoder
            report["models"][spec] = told
            stage.tell(spec)
        polarity = [f"{p}" for p in told["prompts"]["polarity"]]
        silhouette = told["prompts"]["silhouette"]
        title = f"{spec}\nsilhouette by polarity {silhouette:.3f}" if silhouette is not None else spec
        plot_points(out / f"prompts-{i}.png", np.array(told["prompts"]["points"]), polarity, title)
        plot_heat(
            out / f"heads-{i}.png",
            heads.T,
            rows=[str(h) for h in range(heads.shape[1])],
            columns=[str(b + 1) for b in range(heads.shape[0])],
            title=f"Loss of d without a head\n{spec}",
            across="block",
            down="head",
        )
        apart = "unknown" if silhouette is None else f"{silhouette:.3f}"
        click.echo(f"{spec}: attribution to the negation {found['share']:.3f}, silhouette {apart}")
        best = ", ".join(f"{h['block']}.{h['head']} ({h['effect']:+.4f})" for h in told["strongest_heads"])
        click.echo(f"  heads (block.head) whose loss costs most of d: {best}")
        if "update" in told and told["update"]["top3"] is not None:
            top3, top5 = told["update"]["top3"], told["update"]["top5"]
            click.echo(f"  share of the change: top 3 layers {top3:.1%}, top 5 {top5:.1%}")
            title = f"Share of the change by block\n{spec}"
            plot_shares(out / f"update-{i}.png", told["update"]["shares"], title)
    (out / "explanation.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    click.echo(f"explanation: {out / 'explanation.json'}")
