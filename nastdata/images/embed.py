"""Put converted images into the columns of a dataset's rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from nastdata.images.find import Tally


class Embedder(Protocol):
    """Holds converted images (``prepare.PreparedImages``)."""

    def embed(self, source: str, image: str) -> dict[str, bytes | str | None] | None:
        """Return an image as ``datasets.Image`` stores it, ``bytes`` and ``path``; None if there is none."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return the account for the manifest."""
        ...


def embed_column(
    sources: Sequence[str],
    images: Sequence[str | None],
    ids: Sequence[str | None],
    embedder: Embedder,
    tally: Tally,
) -> list[dict[str, bytes | str | None] | None]:
    """Return the images of some rows; one that can't be had is null and counted, by its id."""
    out: list[dict[str, bytes | str | None] | None] = []
    for source, image, image_id in zip(sources, images, ids, strict=True):
        held = None if image is None else embedder.embed(source, image)
        if image is not None:
            tally.count(source, image_id or image, held is not None)
        out.append(held)
    return out
