"""Where the films of a build are: under the user's folders, or drawn on demand for the phantom source."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from nastdata.errors import UserError
from nastdata.images.find import ImageFinder, ImageLoader


class Films:
    """Loads films by (source, path); nothing is drawn or looked for before the first is asked for."""

    def __init__(self, recipe: Mapping[str, Any], roots: Mapping[str, str | Path]) -> None:
        self.recipe, self.finder = recipe, ImageFinder(roots)

    def load(self, source: str, image: str) -> bytes | None:
        """Return the encoded film, or None if there is none (an ``ImageLoader``)."""
        if source == "phantom" and source not in self.finder.roots:
            drawn: bytes | None = self._phantom(source, image)
            return drawn
        return self.finder.load(source, image)

    @cached_property
    def _phantom(self) -> ImageLoader:
        from nastdata.images.phantom import find_phantom_images

        r = self.recipe
        return find_phantom_images(r["ontology"], r["seed"], r["phantom_patients"]).load


def find_films(
    recipe: Mapping[str, Any] | None, roots: Mapping[str, str | Path] | None = None
) -> ImageLoader | None:
    """Return a loader for a build's films, or None if there are none to be had.

    Args:
        recipe: as a manifest holds it; None for a folder without one.
        roots: source -> the user's image folder.

    Raises:
        UserError: if a root is no folder.
    """
    folders = {source: Path(root).expanduser() for source, root in (roots or {}).items()}
    for source, root in folders.items():
        if not root.is_dir():
            raise UserError("no such folder", where=str(root), how=f"give the folder of {source}'s images")
    if not folders and "phantom" not in (recipe or {}).get("source", ()):
        return None
    return Films(recipe or {}, folders).load
