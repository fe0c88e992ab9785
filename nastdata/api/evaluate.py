"""``nastdata.evaluate``: how well models read negation, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from nastdata.api.dataset import Dataset
from nastdata.api.encoders import Encoder, make_encoder
from nastdata.errors import UserError, name_nearest
from nastdata.extras import need_extra
from nastdata.progress import Callback, Progress

if TYPE_CHECKING:
    import polars as pl

    from nastdata.evaluation.generative import VisionSettings
    from nastdata.evaluation.session import Session

PathName = str | PathLike[str]
DataLike = Dataset | PathName
ModelLike = str | Encoder


class Evaluation:
    """The figures of one or several models on one or several datasets."""

    def __init__(self, session: Session, report: dict[str, Any]) -> None:
        self._session, self._report = session, report

    @property
    def report(self) -> dict[str, Any]:
        """Everything, as ``evaluation.json`` holds it."""
        return self._report

    @property
    def figures(self) -> pl.DataFrame:
        """One row a model and metric: ``model``, ``metric``, ``mean``, ``low``, ``high``, ``n``.

        ``mean`` is a share from 0 to 1 (a gap: a difference of shares); ``low`` and ``high`` bound a 95 %
        interval that resamples patients. Metric names are explained in ``docs/evaluate.md``.
        """
        import polars as pl

        rows = [
            {"model": model, "metric": metric, **{k: v[k] for k in ("mean", "low", "high", "n")}}
            for model, result in self._report["results"].items()
            for metric, v in result.items()
        ]
        return pl.DataFrame(rows)

    @property
    def comparison(self) -> pl.DataFrame:
        """Differences to the first model on the same rows: ``mean``, ``low``, ``high``, ``p``."""
        import polars as pl

        rows = [
            {"model": m, "metric": k, **{x: v[x] for x in ("mean", "low", "high")}, "p": v["p_clustered"]}
            for m, found in self._report["compared_with_first"].items()
            for k, v in found.items()
        ]
        schema: dict[str, pl.DataType] = {"model": pl.String(), "metric": pl.String()}
        schema |= {k: pl.Float64() for k in ("mean", "low", "high", "p")}
        return pl.DataFrame(rows, schema=schema)

    @property
    def notes(self) -> list[str]:
        """What a reader of the figures has to know."""
        return list(self._report["notes"])

    def save(self, out: PathName) -> Path:
        """Write ``evaluation.html``, ``evaluation.json``, ``evaluation.md`` and all answers to a folder.

        Returns:
            The page to open in a browser.

        Raises:
            OSError: If the folder can't be written.
        """
        folder = Path(out)
        self._session.write(folder, self._report)
        return folder / "evaluation.html"

    def __repr__(self) -> str:
        """Return the main figures, a line each, in per cent."""
        lines = []
        for model, result in self._report["results"].items():
            lines.append(model)
            lines += [
                f"  {k:<36} {100 * v['mean']:6.1f}  "
                f"[{100 * v['low']:.1f}, {100 * v['high']:.1f}]  n={v['n']:,}"
                for k, v in result.items()
                if "[" not in k
            ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        from nastdata.api.html import show_evaluation

        return show_evaluation(self._report)


def evaluate(
    model: ModelLike | Sequence[ModelLike] | Mapping[str, ModelLike],
    dataset: DataLike | Sequence[DataLike],
    *,
    split: str | None = "test",
    limit: int | None = None,
    images: Mapping[str, PathName] | None = None,
    device: str = "cpu",
    cache: PathName | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    out: PathName | None = None,
    progress: Callback | None = None,
    **asked: Any,
) -> Evaluation:
    """Evaluate models on datasets; metrics are those of arXiv 2602.12498 and arXiv 2512.17121.

    Args:
        model: A name such as ``open_clip:ViT-B-32@openai`` or ``vlm:NAME@http://localhost:8000/v1``, or any
            object with ``encode_image`` and ``encode_text`` (see ``nastdata.Encoder``). Several, as a list
            or as a mapping from the name to show, are compared with the first. Generative models keep
            their own names.
        dataset: A ``Dataset``, a dataset folder, a CSV file in NegBench's columns, or several of these.
        split: Split to evaluate on; None for every row.
        limit: Highest number of rows of each config.
        images: Source -> folder of its images; phantom images are drawn if it is not given.
        device: Where named models run, such as ``cuda``; an object runs where you have put it.
        cache: Folder where image features and answers are kept; None keeps none after the call.
        bootstrap: Resamples of patients for the intervals.
        seed: Of the resampling.
        out: Folder for page and tables, as ``Evaluation.save`` writes them.
        progress: Called with every ``Event``; nothing is printed.
        **asked: How generative models are asked: ``orders``, ``controls``, ``choice``, ``max_tokens`` and the
            other fields of ``nastdata.evaluation.generative.VisionSettings``.

    Returns:
        Figures (shares, 0 to 1) with 95 % intervals, differences between models, and a page.

    Raises:
        UserError: If a model, a dataset or its images can't be used, or the extra ``train`` is missing.

    Example:
        >>> import numpy as np
        >>> class Mine:
        ...     def encode_image(self, images):
        ...         return np.stack([[np.asarray(i).mean(), 1.0] for i in images])
        ...     def encode_text(self, texts):
        ...         return np.stack([[t.count("no "), 1.0] for t in texts])
        >>> found = nastdata.evaluate(Mine(), nastdata.build("mednega", limit=40, phantom_patients=400))
        >>> found.figures.columns
        ['model', 'metric', 'mean', 'low', 'high', 'n']
    """
    need_extra("train", "evaluating a model")
    vision = _read_asked(asked)
    from nastdata.evaluation.generative import is_generative
    from nastdata.evaluation.run import EvaluateSettings
    from nastdata.evaluation.session import Session
    from nastdata.models.registry import load_encoder

    given = [dataset] if isinstance(dataset, Dataset | str | PathLike) else list(dataset)
    paths = [d.path if isinstance(d, Dataset) else Path(d) for d in given]
    if not paths:
        raise UserError("no dataset given", where="dataset", how="give a Dataset, or the path of a folder")
    models = _name_models(model)
    settings = EvaluateSettings(split, bootstrap, seed, limit)
    roots = {source: Path(folder) for source, folder in (images or {}).items()}
    for source, folder in roots.items():
        if not folder.is_dir():
            raise UserError("no such folder", where=f"images of {source}: {folder}")
    reporter = Progress(quiet=True, callback=progress)
    with TemporaryDirectory(prefix="nastdata-") as meanwhile:
        session = Session(paths, roots, settings, vision, device=device, cache=Path(cache or meanwhile))
        for name, one in models.items():
            with reporter.stage("evaluate") as stage:
                if not isinstance(one, str):
                    session.judge_encoder(make_encoder(one, name), name)
                elif is_generative(one):
                    session.judge(one, reporter.say)
                else:
                    session.judge_encoder(load_encoder(one, device), name)
                stage.tell(name)
    found = Evaluation(session, session.close())
    if out is not None:
        found.save(out)
    return found


def _name_models(model: Any) -> dict[str, ModelLike]:
    """Return name -> model; objects get the names of their classes."""
    if isinstance(model, Mapping):
        return {str(k): v for k, v in model.items()}
    some = [model] if isinstance(model, str) or not isinstance(model, Sequence) else list(model)
    if not some:
        raise UserError("no model given", where="model", how="give a name, or an object with encode_image")
    out: dict[str, ModelLike] = {}
    for one in some:
        name = one if isinstance(one, str) else f"python:{type(one).__name__}"
        number = 2
        while name in out and not isinstance(one, str):
            name, number = f"python:{type(one).__name__}-{number}", number + 1
        out[name] = one
    return out


def _read_asked(asked: Mapping[str, Any]) -> VisionSettings:
    from nastdata.evaluation.generative.settings import VisionSettings

    known = [f.name for f in fields(VisionSettings)]
    for name in asked:
        if name not in known:
            raise UserError(f"no option '{name}'", where="nastdata.evaluate", how=name_nearest(name, known))
    return VisionSettings(**asked)
