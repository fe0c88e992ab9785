"""Convert the images that a dataset will hold, in parallel, once each; an interrupted run goes on.

What is done lies in a work folder, a file an image, so that memory holds a few images at a time however many
there are. Files there are named by hashes and hold pixels only, as everything that ``encode`` makes.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from nastdata.engines.base import IN_PROCESS, Engine
from nastdata.images.convert import Converted, ImageFile, convert_images
from nastdata.images.encode import Encoding
from nastdata.images.store import RULE, ImageKey

SHARE = 8
"""Images that a worker converts at a time."""
LEAST = 48
"""Images from which on a second process pays for its start."""
NAMED = 50
"""Images without a file that are named in the account."""
LIBRARIES = ("pillow", "pydicom", "pylibjpeg", "pylibjpeg-openjpeg", "pylibjpeg-libjpeg")
UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")

Locate = Callable[[str, str], ImageFile]
Embedded = dict[str, bytes | str | None]
"""``bytes`` and ``path``, as ``datasets.Image`` stores an image."""


class Wanted(NamedTuple):
    """One image of a dataset."""

    source: str
    image: str
    """As the source names it."""
    image_id: str


@dataclass
class PreparedImages:
    """Converted images, by source and path, and the account of how they were made."""

    encoding: Encoding
    folder: Path
    names: dict[ImageKey, str]
    """Image -> its file name in the dataset, made of the dataset's ids."""
    files: dict[ImageKey, str] = field(default_factory=dict)
    """Image -> its file in the work folder; those that can't be used have none."""
    kinds: Counter[str] = field(default_factory=Counter)
    bits: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    unusable: list[tuple[Wanted, str, str]] = field(default_factory=list)
    """(image, reason, detail) of each that can't be used."""
    read: int = 0
    written: int = 0

    def embed(self, source: str, image: str) -> Embedded | None:
        """Return an image as a dataset stores it, or None if it can't be used."""
        file = self.files.get((source, image))
        if file is None:
            return None
        _, data = _unpack((self.folder / file).read_bytes())
        return {"bytes": data, "path": self.names[source, image]}

    def describe(self) -> dict[str, Any]:
        """Return the account for a manifest; it names images by the dataset's ids only."""
        return {
            "distinct": len(self.files) + len(self.unusable),
            "encoding": asdict(self.encoding),
            "kinds": dict(sorted(self.kinds.items())),
            "bits": dict(sorted(self.bits.items(), key=lambda i: int(i[0]))),
            "conversions": dict(sorted(self.steps.items())),
            "left_out": dict(sorted(self.reasons.items())),
            "unusable": [f"{w.source}: {w.image_id}: {why}" for w, why, _ in self.unusable[:NAMED]],
            "bytes_read": self.read,
            "bytes_written": self.written,
            "libraries": describe_libraries(),
        }


def prepare_images(
    wanted: Iterable[Wanted],
    locate: Locate,
    encoding: Encoding,
    folder: Path,
    *,
    engine: Engine = IN_PROCESS,
    keep_burnt_in: bool = False,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> PreparedImages:
    """Convert images to files of pixels alone.

    Args:
        wanted: images; repeated ones are converted once.
        locate: says where an image is.
        encoding: how the new files are written.
        folder: where they are kept until the dataset is written; what an earlier run has left is used.
        engine: where the work runs; it changes no byte.
        keep_burnt_in: use images whose header says that text is burnt in, too.
        tell: is given (done, total) as it goes on.
    """
    items = list({(w.source, w.image): w for w in wanted}.values())
    prepared = PreparedImages(encoding, folder, name_images(items, encoding.suffix))
    folder.mkdir(parents=True, exist_ok=True)
    located = [locate(w.source, w.image) for w in items]
    keys = [_name_work(file, encoding, keep_burnt_in) for file in located]
    todo = [i for i, key in enumerate(keys) if not _take_up(prepared, items[i], folder, key)]
    done = len(items) - len(todo)
    tell(done, len(items))
    convert = partial(convert_images, encoding=encoding, keep_burnt_in=keep_burnt_in)
    results = engine.stream(convert, [located[i] for i in todo], least=LEAST, share=SHARE)
    for i, result in zip(todo, results, strict=True):
        if result.data is not None:
            _keep(folder / keys[i], result)
        _count(prepared, items[i], keys[i], result)
        done += 1
        tell(done, len(items))
    return prepared


def name_images(wanted: Iterable[Wanted], suffix: str) -> dict[ImageKey, str]:
    """Return a file name for each image, of the dataset's ids: ``source/image_id.png``, each once.

    The original's name has no part in it. Ids that differ in unsafe characters alone get a hash added.
    """
    wanted = list(wanted)
    stems = {(w.source, w.image): _clean(w.image_id) for w in wanted}
    ids = {(w.source, w.image): w.image_id for w in wanted}
    seen = Counter((source, stem.lower()) for (source, _), stem in stems.items())
    out = {}
    for key, stem in stems.items():
        source = UNSAFE.sub("_", key[0])
        if seen[key[0], stem.lower()] > 1 or len(stem) > 120:
            stem = f"{stem[:100]}-{_hash(ids[key], key[1])[:12]}"
        out[key] = f"{source}/{stem}.{suffix}"
    return out


def _clean(image_id: str) -> str:
    """Return an id as a path that every file system takes; ids in parts keep them as folders."""
    parts = (UNSAFE.sub("_", part).strip("._") for part in image_id.replace("\\", "/").split("/"))
    return "/".join(p for p in parts if p) or "image"


def _name_work(file: ImageFile, encoding: Encoding, keep_burnt_in: bool) -> str:
    """Name the work file of an image: by all that its content follows from."""
    if file.order is not None:
        what = repr(file.order)
    elif file.path is not None:
        stat = file.path.stat()
        what = f"{file.path.absolute()}:{stat.st_size}:{stat.st_mtime_ns}"
    elif file.data is not None:
        what = hashlib.sha256(file.data).hexdigest()
    else:
        what = f"{file.source}:{file.image}"
    digest = _hash(what, repr(encoding), repr(keep_burnt_in), RULE)
    return f"{digest[:2]}/{digest}"


def _keep(path: Path, result: Converted) -> None:
    """Write a work file in one step: an account, then the image, with a checksum before them."""
    about = json.dumps([result.kind, result.bits, result.steps, result.read]).encode()
    content = len(about).to_bytes(4, "big") + about + (result.data or b"")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial_file = path.with_suffix(".partial")
    partial_file.write_bytes(zlib.crc32(content).to_bytes(4, "big") + content)
    partial_file.replace(path)


def _unpack(content: bytes) -> tuple[Converted, bytes]:
    """Read a work file.

    Raises:
        ValueError: if it is not whole.
    """
    if len(content) < 8 or zlib.crc32(content[4:]) != int.from_bytes(content[:4], "big"):
        raise ValueError("a damaged work file")
    end = 8 + int.from_bytes(content[4:8], "big")
    kind, bits, steps, read = json.loads(content[8:end])
    return Converted(content[end:], kind, bits, tuple(steps), read), content[end:]


def _take_up(prepared: PreparedImages, wanted: Wanted, folder: Path, key: str) -> bool:
    """Use what an earlier run has made of an image, if it is whole."""
    try:
        result, _ = _unpack((folder / key).read_bytes())
    except (OSError, ValueError):
        return False
    _count(prepared, wanted, key, result)
    return True


def _count(prepared: PreparedImages, wanted: Wanted, key: str, result: Converted) -> None:
    prepared.read += result.read
    if result.data is None:
        prepared.reasons[result.reason] += 1
        prepared.unusable.append((wanted, result.reason, result.detail))
        return
    prepared.files[wanted.source, wanted.image] = key
    prepared.kinds[result.kind] += 1
    prepared.bits[str(result.bits)] += 1
    prepared.steps.update(result.steps)
    prepared.written += len(result.data)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def describe_libraries() -> dict[str, str]:
    """Return the versions of the libraries that decode."""
    out = {}
    for name in LIBRARIES:
        try:
            out[name] = version(name)
        except PackageNotFoundError:
            continue
    return out


def list_wanted(frames: Mapping[str, Any]) -> Iterator[Wanted]:
    """Yield the images of a dataset's rows, in their order, each of a config once."""
    for frame in frames.values():
        for column, ids in (("image", "image_id"), ("distractor_image", "distractor_image_id")):
            if column in frame.columns:
                for row in frame.select("source", column, ids).unique(maintain_order=True).iter_rows():
                    if row[1] is not None:
                        yield Wanted(*row)
