"""The images of a dataset's rows, wherever they are: embedded, under a root, or drawn (phantom).

Train, trace, evaluate, export, report and embedding all open images here, so that they see the same pixels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from nastdata.errors import UserError
from nastdata.images.convert import ImageFile, open_picture
from nastdata.images.decoding.picture import Picture, UnusableImageError
from nastdata.images.find import ImageFinder, make_roots

ImageKey = tuple[str, str]
"""(source, path as in the row)."""
PHANTOM = "phantom"
RULE = "levels-1"
"""Version of the rule that makes pixels; features of other versions are computed again."""


class ImageStore:
    """Opens images by (source, path); nothing is drawn or looked for before the first is asked for.

    Args:
        manifest: of the dataset; its recipe says how phantoms are drawn.
        roots: source -> folder of its images.
        embedded: images that the dataset holds itself.
        phantom_size: height and width of drawn images.
        templates: source -> where its images are below the root, in fields.
    """

    def __init__(
        self,
        manifest: Mapping[str, Any] | None = None,
        roots: Mapping[str, str | Path] | None = None,
        embedded: Mapping[ImageKey, bytes] | None = None,
        phantom_size: int = 128,
        templates: Mapping[str, str] | None = None,
    ) -> None:
        self.finder = ImageFinder(roots or {}, templates)
        self._embedded = embedded or {}
        self._recipe: Mapping[str, Any] = (manifest or {}).get("recipe") or {}
        self._size = phantom_size

    def locate(self, source: str, image: str) -> ImageFile:
        """Say where an image is; what is nowhere has the reason."""
        key = (source, image)
        if key in self._embedded:
            return ImageFile(source, image, data=self._embedded[key])
        if self.is_drawn(source):
            order = self._phantom.order(image)
            return ImageFile(source, image, order=order, reason="" if order else "not found")
        found = self.finder.locate(source, image)
        return ImageFile(source, image, path=found.path, reason=found.reason)

    def is_drawn(self, source: str) -> bool:
        """Whether images of a source are drawn by us."""
        return source == PHANTOM and source not in self.finder.roots and bool(self._recipe)

    def open(self, key: ImageKey) -> Picture:
        """Return an image's pixels.

        Raises:
            UnusableImageError: if it can't be found or used, with the reason.
        """
        return open_picture(self.locate(*key))

    def load(self, key: ImageKey) -> Any:
        """Return an image as a PIL image of 8-bit grey or RGB, for a model's preprocessing.

        Raises:
            UserError: if it can't be found or read, naming it.
        """
        from PIL import Image

        source, image = key
        try:
            return Image.fromarray(self.open(key).pixels)
        except UnusableImageError as e:
            where = f"{source}: {image}"
            if e.reason in ("not found", "outside of the root"):
                what = "no such image" if e.reason == "not found" else "an image outside of its root"
                raise UserError(what, where=where, how=f"--images {source}=FOLDER, its image root") from e
            raise UserError(f"not a readable image: {e}", where=where) from e

    def read(self, source: str, image: str) -> bytes | None:
        """Return the bytes of an image's file as it is, or None if there is none (an ``ImageLoader``)."""
        file = self.locate(source, image)
        if file.order is not None:
            from nastdata.images.phantom.studies import encode_png

            return encode_png(file.order.draw())
        if file.data is not None:
            return file.data
        return file.path.read_bytes() if file.path is not None else None

    def identify(self, key: ImageKey) -> str:
        """Return a name that changes when the image may have changed (a feature is kept under it)."""
        source, image = key
        file = self.locate(source, image)
        if file.data is not None:
            return f"{source}:{hashlib.sha256(file.data).hexdigest()}:{RULE}"
        if file.path is not None:
            stat = file.path.stat()
            return f"{source}:{file.path.resolve()}:{stat.st_size}:{stat.st_mtime_ns}:{RULE}"
        drawn = [self._recipe.get(k) for k in ("seed", "phantom_patients", "ontology")]
        return f"{source}:{image}:{drawn}:{self._size}"

    @cached_property
    def _phantom(self) -> Any:
        from nastdata.images.phantom.studies import find_phantom_images

        return find_phantom_images(
            str(self._recipe.get("ontology", "chest_xray")),
            int(self._recipe.get("seed", 0)),
            int(self._recipe.get("phantom_patients", 4000)),
            self._size,
        )


def open_store(
    recipe: Mapping[str, Any] | None,
    roots: Mapping[str, str | Path] | None = None,
    templates: Mapping[str, str] | None = None,
) -> ImageStore | None:
    """Return a store for a build's images, or None if there are none to be had.

    Args:
        recipe: as a manifest holds it; None for a folder without one.
        roots: source -> the user's image folder.
        templates: source -> where its images are below the root, in fields.

    Raises:
        UserError: if a root is no folder, or a template is none.
    """
    folders = make_roots(roots or {})
    if not folders and PHANTOM not in (recipe or {}).get("source", ()):
        return None
    return ImageStore({"recipe": recipe or {}}, folders, templates=templates)
