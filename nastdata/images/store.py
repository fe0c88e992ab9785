"""The images of a dataset's rows, by source and path.

Phantom films need not lie on the disk: they are drawn again from the seed that the manifest names.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nastdata.errors import UserError
from nastdata.images.find import ImageFinder

ImageKey = tuple[str, str]
"""(source, path relative to the source's image root)."""


class ImageStore:
    """Finds images: embedded in the dataset, under a root given for a source, or drawn (phantom)."""

    def __init__(
        self,
        manifest: Mapping[str, Any] | None = None,
        roots: Mapping[str, Path] | None = None,
        embedded: Mapping[ImageKey, bytes] | None = None,
        phantom_size: int = 128,
    ) -> None:
        self._finder = ImageFinder(dict(roots or {}))
        self._embedded = embedded or {}
        self._recipe: Mapping[str, Any] = (manifest or {}).get("recipe", {})
        self._size = phantom_size
        self._phantom: Any = None

    def load(self, key: ImageKey) -> Any:
        """Return a PIL image.

        Raises:
            UserError: if it can't be found or read, naming it.
        """
        from PIL import Image, UnidentifiedImageError

        data = self._read(key)
        try:
            image = Image.open(io.BytesIO(data))
            image.load()
        except (OSError, UnidentifiedImageError) as e:
            raise UserError("not a readable image", where=f"{key[0]}: {key[1]}") from e
        return image

    def identify(self, key: ImageKey) -> str:
        """Return a name that changes when the image may have changed (a feature is kept under it)."""
        source, image = key
        if key in self._embedded:
            return f"{source}:{hashlib.sha256(self._embedded[key]).hexdigest()}"
        path = self._finder.find(source, image)
        if path is not None:
            stat = path.stat()
            return f"{source}:{path.resolve()}:{stat.st_size}:{stat.st_mtime_ns}"
        drawn = [self._recipe.get(k) for k in ("seed", "phantom_patients", "ontology")]
        return f"{source}:{image}:{drawn}:{self._size}"

    def _read(self, key: ImageKey) -> bytes:
        source, image = key
        if key in self._embedded:
            return self._embedded[key]
        path = self._finder.find(source, image)
        if path is not None:
            return path.read_bytes()
        if source == "phantom" and self._recipe:
            drawn: bytes | None = self._draw_films().load(source, image)
            if drawn is not None:
                return drawn
        raise UserError(
            "no such image", where=f"{source}: {image}", how=f"--images {source}=FOLDER, its image root"
        )

    def _draw_films(self) -> Any:
        if self._phantom is None:
            from nastdata.images.phantom import find_phantom_images

            self._phantom = find_phantom_images(
                str(self._recipe.get("ontology", "chest_xray")),
                int(self._recipe.get("seed", 0)),
                int(self._recipe.get("phantom_patients", 4000)),
                self._size,
            )
        return self._phantom
