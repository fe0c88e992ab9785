"""Points in a plane for features in many dimensions: pictures to look at, not measures."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import numpy as np

from nastdata.errors import UserError
from nastdata.seeded import draw_int
from nastdata.statistics import Floats

Layout = Literal["tsne", "umap"]
FEWEST = 5
"""Below that neither method has neighbours to keep; all points are put at the origin."""


def lay_out(features: Floats, method: Layout, seed: int) -> Floats:
    """Return (n, 2) points for (n, dim) features of length 1; the same ones for the same seed.

    Raises:
        UserError: if UMAP is wanted and not installed.
    """
    n = len(features)
    if n < FEWEST:
        return np.zeros((n, 2))
    state = draw_int(seed, method) % 2**31
    make = _make_umap if method == "umap" else _make_tsne
    points: Floats = make(n, state).fit_transform(features.astype(np.float32)).astype(np.float64)
    return points


def check_layout(method: Layout) -> None:
    """Make sure that a method can be used, before the work begins.

    Raises:
        UserError: if UMAP is wanted and not installed.
    """
    from importlib.util import find_spec

    if method == "umap" and find_spec("umap") is None:
        raise UserError(
            "umap-learn is not installed",
            where="--map umap",
            how="pip install 'nastdata[umap]', or --map tsne",
        )


def _make_tsne(n: int, state: int) -> Any:
    from sklearn.manifold import TSNE

    return TSNE(perplexity=max(1.0, min(20.0, (n - 1) / 3)), random_state=state, init="pca")


def _make_umap(n: int, state: int) -> Any:
    check_layout("umap")
    with warnings.catch_warnings():
        # it warns that TensorFlow is missing, which only its parametric variant needs
        warnings.simplefilter("ignore", ImportWarning)
        from umap import UMAP
    # one job: with more, the points depend on which thread is first
    return UMAP(n_neighbors=min(15, n - 1), metric="cosine", init="pca", random_state=state, n_jobs=1)
