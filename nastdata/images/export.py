"""Where the images of an export are: drawn or unpacked into it, or under the user's own folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from nastdata.errors import UserError
from nastdata.images.build_images import find_films
from nastdata.images.find import ImageFinder, ImageLoader, Tally

Paths = Literal["absolute", "relative"]
IMAGES = "images"
"""Folder of the export that holds the images that we write."""
NO_IMAGE, NOT_FOUND = "no image", "image not found"


@dataclass
class FilmPlaces:
    """Turns a row's image into the path that a tool opens, or into its bytes.

    Embedded images and phantom films are written below ``images/`` of the export when they are first asked
    for; those of other corpora are looked up under the user's roots. Without a root their paths stay as the
    corpus has them.
    """

    partial: Path
    """The folder that is being filled."""
    final: Path
    """Where it will stand, for absolute paths."""
    finder: ImageFinder
    draw: ImageLoader | None
    """Draws phantom films; None if the dataset has none or the user gave a root for them."""
    paths: Paths = "absolute"
    tally: Tally = field(default_factory=Tally)
    unplaced: set[str] = field(default_factory=set)
    """Sources whose paths lead nowhere, since no root was given."""

    def place(self, source: str, image: Any) -> str | None:
        """Return the path to write for a row's image; None if there is none, which is counted.

        Raises:
            UserError: if an embedded image is named so that it would lie outside of the export.
        """
        if image is None:
            return None
        name = image["path"] if isinstance(image, Mapping) else image
        if not isinstance(image, Mapping) and not self._drawn(source):
            if source not in self.finder.roots:
                self.unplaced.add(source)
                return str(name)
            found = self.finder.find(source, name)
            self.tally.count(source, name, found is not None)
            return None if found is None else str(found.absolute())
        inside = self._inside(source, name)
        if not (self.partial / inside).is_file():
            data = image["bytes"] if isinstance(image, Mapping) else self._draw(source, name)
            self.tally.count(source, name, data is not None)
            if data is None:
                return None
            target = self.partial / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        return str(self.final / inside) if self.paths == "absolute" else inside.as_posix()

    def read(self, source: str, image: Any) -> bytes | None:
        """Return the encoded image of a row, or None if there is none, which is counted."""
        if image is None:
            return None
        if isinstance(image, Mapping):
            data: bytes | None = image["bytes"]
            name = image["path"]
        else:
            name = image
            data = self._draw(source, name) if self._drawn(source) else self.finder.load(source, name)
        self.tally.count(source, str(name), data is not None)
        return data

    def _drawn(self, source: str) -> bool:
        return source == "phantom" and self.draw is not None and source not in self.finder.roots

    def _draw(self, source: str, name: str) -> bytes | None:
        return self.draw(source, name) if self.draw is not None else None

    def _inside(self, source: str, name: str) -> Path:
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts:
            raise UserError(
                "the name of an embedded image leads out of the export", where=f"{source}: {name}"
            )
        return Path(IMAGES, *pure.parts)


def place_films(
    recipe: Mapping[str, Any] | None,
    partial: Path,
    final: Path,
    roots: Mapping[str, str | Path],
    paths: Paths,
) -> FilmPlaces:
    """Return the places of a dataset's images.

    Raises:
        UserError: if a root is no folder.
    """
    loader = find_films(recipe, roots)
    return FilmPlaces(partial, final, ImageFinder(roots), loader, paths)
