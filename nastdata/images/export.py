"""Where the images of an export are: under the user's own folders, or written into the export from pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from nastdata.engines.base import IN_PROCESS, Engine
from nastdata.errors import UserError
from nastdata.images.convert import Converted, ImageFile, convert_images
from nastdata.images.decoding.picture import UnusableImageError
from nastdata.images.decoding.reader import check_header
from nastdata.images.encode import Encoding
from nastdata.images.find import Tally
from nastdata.images.prepare import Wanted, list_wanted, name_images
from nastdata.images.scan import find_metadata
from nastdata.images.store import ImageStore, open_store

Paths = Literal["absolute", "relative"]
IMAGES = "images"
"""Folder of the export that holds the images that we write."""
NO_IMAGE, NOT_FOUND = "no image", "image not found"
PNG, JPEG = Encoding("png"), Encoding("jpeg", 95)
SHARE, LEAST, AHEAD, HEAVY = 8, 48, 512, 8
"""Images a worker takes at a time; images from which on a second process pays; images located ahead, and how
many of these one counts for that is in memory."""


@dataclass
class ImagePlaces:
    """Turns a row's image into the path that a tool opens, or into a new file's bytes.

    A user's own file is named where it lies, if every reader opens it to the same pixels (8 bits, grey or
    RGB, upright). Anything else - DICOM, 16 bit, embedded, drawn - is written below ``images/`` of the
    export, made of its pixels alone and named by the dataset's ids. Without a root, paths stay as they are.
    """

    partial: Path
    """The folder that is being filled."""
    final: Path
    """Where it will be, for absolute paths."""
    store: ImageStore
    paths: Paths = "absolute"
    name: Callable[[], Mapping[tuple[str, str], str]] = dict
    """Gives the names of new files, by (source, path)."""
    tally: Tally = field(default_factory=Tally)
    unplaced: set[str] = field(default_factory=set)
    """Sources whose paths lead nowhere, since no root was given."""
    converted: int = 0
    """Files that were written from pixels."""
    unusable: dict[str, str] = field(default_factory=dict)
    """Image -> why it can't be used."""
    _placed: dict[tuple[str, str], str | None] = field(default_factory=dict)
    _names: Mapping[tuple[str, str], str] | None = None

    def place(self, source: str, image: Any) -> str | None:
        """Return the path to write for a row's image; None if there is none, which is counted.

        Raises:
            UserError: if an embedded image is named so that it would lie outside of the export.
        """
        if is_blank(image):
            return None
        embedded = isinstance(image, Mapping)
        name = _get_name(image)
        if not embedded and not self._known(source):
            self.unplaced.add(source)
            return name
        key = (source, name)
        if key not in self._placed:
            self._placed[key] = self._put(source, name, image["bytes"] if embedded else None)
        self.tally.count(source, name, self._placed[key] is not None)
        return self._placed[key]

    def read(
        self, images: Iterable[tuple[str, Any]], encoding: Encoding = JPEG, engine: Engine = IN_PROCESS
    ) -> Iterator[bytes | None]:
        """Yield the new file of each (source, image), or None; each image is counted.

        Images that follow one another and are the same are converted once; a few are worked on at a time, on
        the engine.
        """
        block: list[tuple[str, Any]] = []
        weight = 0
        for item in images:
            block.append(item)
            weight += HEAVY if isinstance(item[1], Mapping) else 1
            if weight >= AHEAD:
                yield from self._read(block, encoding, engine)
                block, weight = [], 0
        yield from self._read(block, encoding, engine)

    def _read(
        self, block: list[tuple[str, Any]], encoding: Encoding, engine: Engine
    ) -> Iterator[bytes | None]:
        order: dict[tuple[str, str], ImageFile] = {}
        for source, image in block:
            if not is_blank(image):
                key = (source, _get_name(image))
                if key not in order:
                    order[key] = self._locate(source, image)
        last = {(s, _get_name(i)): at for at, (s, i) in enumerate(block) if not is_blank(i)}
        run = partial(convert_images, encoding=encoding)
        results = iter(engine.stream(run, list(order.values()), least=LEAST, share=SHARE))
        held: dict[tuple[str, str], bytes | None] = {}
        for at, (source, image) in enumerate(block):
            if is_blank(image):
                yield None
                continue
            key = (source, _get_name(image))
            if key not in held:
                held[key] = self._take(key, next(results))
            self.tally.count(*key, held[key] is not None)
            yield held[key]
            if last[key] == at:
                held[key] = None

    def _locate(self, source: str, image: Any) -> ImageFile:
        if isinstance(image, Mapping):
            return ImageFile(source, _get_name(image), data=image["bytes"])
        return self.store.locate(source, image)

    def _take(self, key: tuple[str, str], result: Converted) -> bytes | None:
        if result.data is None:
            self.unusable[f"{key[0]}: {key[1]}"] = result.reason
        else:
            self.converted += 1
        return result.data

    def _known(self, source: str) -> bool:
        return self.store.is_drawn(source) or source in self.store.finder.roots

    def _put(self, source: str, name: str, data: bytes | None) -> str | None:
        """Write an image below ``images/``, or name the user's own file."""
        if data is not None:
            inside = self._inside(source, name)
            if not find_metadata(data):
                return self._write(inside, data)
            file = ImageFile(source, name, data=data)
            inside = inside.with_suffix(".png")
        else:
            file = self.store.locate(source, name)
            if file.path is not None and _is_plain(file.path):
                return str(file.path.absolute())
            inside = self._inside(source, self._name(source, name))
        made = self._take((source, name), convert_images([file], PNG)[0])
        return None if made is None else self._write(inside, made)

    def _write(self, inside: Path, data: bytes) -> str:
        target = self.partial / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        return str(self.final / inside) if self.paths == "absolute" else inside.as_posix()

    def _name(self, source: str, image: str) -> str:
        if self._names is None:
            self._names = self.name()
        known = self._names.get((source, image))
        return known or name_images([Wanted(source, image, PurePosixPath(image).stem)], "png")[source, image]

    def _inside(self, source: str, name: str) -> Path:
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts:
            raise UserError(
                "the name of an embedded image leads out of the export", where=f"{source}: {name}"
            )
        return Path(IMAGES, *pure.parts)


def place_images(
    recipe: Mapping[str, Any] | None,
    partial: Path,
    final: Path,
    roots: Mapping[str, str | Path],
    paths: Paths,
    frames: Callable[[], Mapping[str, Any]] = dict,
) -> ImagePlaces:
    """Return the places of a dataset's images.

    Args:
        recipe: as the dataset's manifest holds it.
        partial: the folder that is being filled.
        final: where it will be.
        roots: source -> folder of its images.
        paths: how paths are written.
        frames: gives the dataset's rows, for the names of new files; called if there are any.

    Raises:
        UserError: if a root is no folder.
    """
    store = open_store(recipe, roots) or ImageStore()
    return ImagePlaces(partial, final, store, paths, lambda: name_images(list_wanted(frames()), "png"))


def _is_plain(path: Path) -> bool:
    try:
        return check_header(path).plain
    except UnusableImageError:
        return False


def is_blank(image: Any) -> bool:
    """Whether a row has no image."""
    return image is None or (isinstance(image, Mapping) and image.get("bytes") is None)


def _get_name(image: Any) -> str:
    """Return what tells a row's image from others: its path, or a hash where others gave it none."""
    if not isinstance(image, Mapping):
        return str(image)
    return str(image.get("path") or f"{hashlib.sha256(image['bytes']).hexdigest()[:24]}.png")
