"""Everything in a dataset folder that is written for people and crawlers: card, Croissant, report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from nastdata.dataset.manifest import dump_json
from nastdata.images.find import ImageLoader
from nastdata.report.card import render_card
from nastdata.report.croissant import make_croissant
from nastdata.report.describe import describe
from nastdata.report.page import render_report


def render_documents(
    manifest: Mapping[str, Any],
    frames: Mapping[str, pl.DataFrame],
    rejects: pl.DataFrame | None,
    image_loader: ImageLoader | None = None,
) -> dict[str, bytes]:
    """Return file name -> content of ``README.md``, ``croissant.json`` and ``report.html``."""
    about = describe(manifest)
    return {
        "README.md": render_card(about).encode(),
        "report.html": render_report(about, manifest, frames, rejects, image_loader).encode(),
        "croissant.json": dump_json(make_croissant(about, manifest.get("outputs", {}))),
    }
