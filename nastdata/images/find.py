"""Images of rows: found under a user's own image roots, loaded, counted when missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

IMAGE_COLUMNS = ("image", "distractor_image")
"""Columns that hold the path of an image, relative to the image root of the row's source."""
EXAMPLES = 5
STRIPPED = 4
"""Highest number of leading folders of a path that a user's root may already contain."""

ImageLoader = Callable[[str, str], bytes | None]
"""(source, path relative to the source's image root) -> the encoded image, or None if there is none."""


@dataclass
class Tally:
    """How many images were found and missing, and the first missing ones."""

    found: int = 0
    missing: int = 0
    examples: list[str] = field(default_factory=list)

    def count(self, source: str, path: str, ok: bool) -> None:
        """Count one row's image."""
        if ok:
            self.found += 1
            return
        self.missing += 1
        if len(self.examples) < EXAMPLES and (name := f"{source}: {path}") not in self.examples:
            self.examples.append(name)

    def merge(self, other: Tally) -> None:
        """Add another tally to this one."""
        self.found += other.found
        self.missing += other.missing
        self.examples = [*self.examples, *other.examples][:EXAMPLES]


class ImageFinder:
    """Finds images under the user's roots, one root a source.

    Corpora name their images with leading folders ("CheXpert-v1.0-small/train/..."), and users point at
    the folder above these, at them, or at a renamed copy: leading folders are left off as needed.
    """

    def __init__(self, roots: Mapping[str, str | Path]) -> None:
        self.roots = {source: Path(root).expanduser() for source, root in roots.items()}
        self._strip: dict[str, int] = {}

    def find(self, source: str, image: str) -> Path | None:
        """Return the file of an image, or None if there is none under the source's root."""
        root = self.roots.get(source)
        if root is None:
            return None
        parts = Path(image).parts
        if Path(image).is_absolute() or ".." in parts:
            return None
        usual = self._strip.get(source, 0)
        for strip in dict.fromkeys((usual, *range(min(STRIPPED, len(parts))))):
            path = root.joinpath(*parts[strip:])
            if parts[strip:] and path.is_file():
                self._strip[source] = strip
                return path
        return None

    def load(self, source: str, image: str) -> bytes | None:
        """Return the bytes of an image (an ``ImageLoader``)."""
        path = self.find(source, image)
        return path.read_bytes() if path else None


def load_column(
    sources: Sequence[str], images: Sequence[str | None], loader: ImageLoader, tally: Tally
) -> list[dict[str, bytes | str | None] | None]:
    """Load the images of some rows as the Hub stores them; a missing one is null and counted."""
    out: list[dict[str, bytes | str | None] | None] = []
    for source, image in zip(sources, images, strict=True):
        if image is None:
            out.append(None)
            continue
        data = loader(source, image)
        tally.count(source, image, data is not None)
        out.append(None if data is None else {"bytes": data, "path": image})
    return out
