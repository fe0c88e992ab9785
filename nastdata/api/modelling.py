"""``nastdata.trace`` and ``nastdata.train``: where negation is carried in a model, and fine-tuning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nastdata.api.dataset import Dataset
from nastdata.api.settings import list_settings
from nastdata.errors import CheckFailedError, UserError
from nastdata.extras import need_extra
from nastdata.progress import Callback, Progress

if TYPE_CHECKING:
    from nastdata.tracing.run import Trace

PathName = str | PathLike[str]


@dataclass(frozen=True)
class Training:
    """A finished fine-tuning run."""

    path: Path
    """Its folder: ``run.json``, ``log.jsonl``, ``adapter/``, ``model/``."""
    model: str
    """Name of the fine-tuned model, for ``nastdata.evaluate`` and ``nastdata.trace``."""
    metric: str
    """What the validation measured, a share from 0 to 1."""
    before: float
    """The metric before the first step."""
    best: float
    """The metric of the step that was kept."""
    best_step: int
    record: dict[str, Any] = field(repr=False)
    """Everything, as ``run.json`` holds it."""


def trace(
    model: str,
    dataset: Dataset | PathName,
    *,
    split: str | None = None,
    limit: int | None = None,
    threshold: float = 0.01,
    controls: int = 3,
    seed: int = 0,
    images: Mapping[str, PathName] | None = None,
    device: str = "cpu",
    cache: PathName | None = None,
    out: PathName | None = None,
    progress: Callback | None = None,
) -> Trace:
    """Trace negation through a model's text encoder by activation patching (arXiv 2602.12498, section 3).

    Args:
        model: A name such as ``open_clip:ViT-B-32@openai``.
        dataset: One with a ``probes`` config: ``nastdata.build("probes")``.
        split: Rows of one split only.
        limit: Highest number of rows.
        threshold: Least difference of cosine similarity, correct caption minus foil, of a pair that enters.
        controls: Towers with shuffled weights to compare with.
        seed: Of bootstrap and shuffling.
        images: Source -> folder of its images; phantom images are drawn if it is not given.
        device: Where the model runs.
        cache: Folder where image features are kept; None keeps none.
        out: Folder for ``trace.json``, ``trace.safetensors`` and heat maps; ``train`` reads them.
        progress: Called with every ``Event``; nothing is printed.

    Returns:
        ``facts`` (counts, the causal tracing effect of each layer) and ``arrays``; layer 0 is the embedding,
        layer l the output of block l. Shapes are in ``docs/train.md``.

    Raises:
        UserError: If the extra ``train`` is missing, the dataset has no probes, or the model scores no
            caption above its foil.
    """
    need_extra("train", "tracing a model")
    from nastdata.models.dataset_rows import get_keys, open_data
    from nastdata.models.image_features import embed_images
    from nastdata.models.registry import load_encoder
    from nastdata.tracing.run import TraceSettings, run_trace

    _need_name(model)
    reporter = Progress(quiet=True, callback=progress)
    with reporter.stage("data") as stage:
        opened = open_data(_find(dataset), {s: Path(p) for s, p in (images or {}).items()})
        probes = opened.rows("probes", split, limit)
        stage.tell(f"{len(probes):,} pairs")
    with reporter.stage("model") as stage:
        encoder = load_encoder(model, device)
        stage.tell(f"{encoder.text.depth} blocks, {encoder.text.heads} heads")
    with reporter.stage("images"):
        features = embed_images(encoder, opened.store, get_keys(probes), Path(cache) if cache else None)
    with reporter.stage("trace") as stage:
        found = run_trace(encoder, probes, features, TraceSettings(threshold, controls, seed=seed))
        stage.tell(f"{found.facts['distinct_pairs']:,} distinct pairs")
    if out is not None:
        from nastdata.evaluation.plots import plot_trace

        found.write(Path(out))
        plot_trace(found, Path(out))
    return found


def train(
    model: str,
    dataset: Dataset | PathName,
    *,
    out: PathName = "run",
    recipe: PathName = "train",
    trace: PathName | None = None,
    images: Mapping[str, PathName] | None = None,
    fresh: bool = False,
    progress: Callback | None = None,
    **overrides: Any,
) -> Training:
    """Fine-tune a model's text encoder with LoRA; layers may be weighted by a trace (arXiv 2602.12498).

    Args:
        model: A name such as ``open_clip:ViT-B-32@openai``.
        dataset: What to train on; which configs it needs depends on ``objective``.
        out: Folder of the run; one that was interrupted is taken up again.
        recipe: The built-in ``train``, or a YAML file.
        trace: Folder of a trace, for layer weights.
        images: Source -> folder of its images; phantom images are drawn if it is not given.
        fresh: Start from the beginning, even if there is a checkpoint.
        progress: Called with every ``Event``; nothing is printed.
        **overrides: Keys of the recipe: ``objective="clip"``, ``steps=200``, ``lora={"rank": 4}``.

    Returns:
        The run, with the name of the fine-tuned model.

    Raises:
        UserError: If the extra ``train`` is missing, the input is unusable, or the loss is not a number.
    """
    need_extra("train", "training a model")
    _need_name(model)
    from nastdata.recipe import load_recipe
    from nastdata.training.fit import fit

    given = {"model": model, "data": _find(dataset), "layers.trace": trace}
    settings = list_settings({**{k: v for k, v in given.items() if v is not None}, **overrides})
    kind = load_recipe(fspath(recipe)).recipe
    if kind != "train":
        raise UserError(f"a '{kind}' recipe builds data", where=fspath(recipe), how="nastdata.build(...)")
    loaded = load_recipe(fspath(recipe), settings)
    if images:
        roots = {source: Path(folder) for source, folder in images.items()}
        loaded = loaded.model_copy(update={"images": {**loaded.images, **roots}})
    place = Path(out)
    about = fit(loaded, place, Progress(quiet=True, callback=progress), fresh)
    if about["failed"]:
        raise CheckFailedError(about["failed"])
    (metric, best), *_ = about["best"].items()
    return Training(
        place,
        str(about["exported"]),
        metric,
        float(about["history"][0][metric]),
        float(best),
        int(about["best_step"]),
        about,
    )


def _find(dataset: Dataset | PathName) -> Path:
    return dataset.path if isinstance(dataset, Dataset) else Path(dataset)


def _need_name(model: object) -> None:
    if not isinstance(model, str):
        raise UserError(
            f"a {type(model).__name__} is not a model name: an object can only be evaluated",
            where="model",
            how="give a name such as 'open_clip:ViT-B-32@openai' or 'open_clip:FOLDER'",
        )
