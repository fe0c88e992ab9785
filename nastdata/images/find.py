"""Find images under the user's own image roots: whatever the case, the ending and the level of the root."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from nastdata.errors import UserError
from nastdata.images.decoding.files import EXTENSIONS
from nastdata.images.layouts import Ids, Layout, cut_extension, get_layout, list_places, split_root

IMAGE_COLUMNS = ("image", "distractor_image")
"""Columns that hold the path of an image, relative to the image root of the row's source."""
EXAMPLES = 5
FOLDERS = 4096
"""Folders whose lists of names are kept in memory."""

ImageLoader = Callable[[str, str], bytes | None]
"""(source, path as in the row) -> the file's bytes, or None if there is none."""


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


@dataclass(frozen=True)
class Located:
    """Where an image is, or why it is nowhere (one of ``REASONS``)."""

    path: Path | None
    reason: str = ""


class ImageFinder:
    """Finds images, one root a source.

    Args:
        roots: source -> the folder of its images; a template may follow (``/data/{patient}/{image}.dcm``).
        templates: source -> a path below the root in fields, in place of the known layouts.

    Raises:
        UserError: if a template is none.
    """

    def __init__(self, roots: Mapping[str, str | Path], templates: Mapping[str, str] | None = None) -> None:
        split = {source: split_root(root) for source, root in roots.items()}
        self.roots = {source: folder for source, (folder, _) in split.items()}
        given = {source: template for source, (_, template) in split.items() if template is not None}
        self.templates = {**given, **(templates or {})}
        self._layouts: dict[str, Layout] = {s: get_layout(s, self.templates.get(s)) for s in self.roots}
        self._trees = {source: _Tree(root) for source, root in self.roots.items()}
        self._usual: dict[str, int] = {}
        self._ids: dict[tuple[str, str], Ids] = {}

    def learn(self, frame: Any) -> None:
        """Take the ids of a frame's rows, for templates."""
        columns = ["source", "image", "patient_id", "study_id", "image_id"]
        if not self.roots or not set(columns) <= set(frame.columns):
            return
        for source, image, patient, study, name in frame.select(columns).unique().iter_rows():
            if source in self.roots and isinstance(image, str):
                self._ids[source, image] = Ids(patient or "", study or "", name or "")

    def find(self, source: str, image: str) -> Path | None:
        """Return the file of an image, or None if there is none under the source's root."""
        return self.locate(source, image).path

    def locate(self, source: str, image: str) -> Located:
        """Return the file of an image, or the reason why there is none."""
        if source not in self.roots:
            return Located(None, "not found")
        places = list_places(self._layouts[source], image, self._ids.get((source, image), Ids()))
        if not places:
            return Located(None, "outside of the root" if image else "not found")
        tree = self._trees[source]
        usual = self._usual.get(source, 0)
        order = dict.fromkeys((usual, *range(len(places)))) if usual < len(places) else range(len(places))
        refused = False
        for at in order:
            for path, inside in tree.look(places[at]):
                if inside:
                    self._usual[source] = at
                    return Located(path)
                refused = True
        return Located(None, "outside of the root" if refused else "not found")

    def load(self, source: str, image: str) -> bytes | None:
        """Return the bytes of an image (an ``ImageLoader``)."""
        path = self.find(source, image)
        return path.read_bytes() if path else None


def make_roots(roots: Mapping[str, str | Path]) -> dict[str, Path]:
    """Return image roots, with their templates, if they are folders.

    Raises:
        UserError: if one is no folder.
    """
    for source, root in roots.items():
        folder, _ = split_root(root)
        if not folder.is_dir():
            raise UserError("no such folder", where=str(folder), how=f"give the folder of {source}'s images")
    return {source: Path(root) for source, root in roots.items()}


def is_inside(path: Path, root: Path) -> bool:
    """Whether a file lies below a folder once all links are followed."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


@dataclass
class _Listing:
    """The names in one folder: as they are, without case, and without the ending too."""

    links: dict[str, bool]
    folded: dict[str, list[str]]
    stems: dict[str, list[str]]
    patterns: dict[str, list[str]] = field(default_factory=dict)
    """Pattern -> the names that it fits, once it was asked for."""


class _Tree:
    """Looks for paths below one folder; lists of names are read once and kept."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._listings: OrderedDict[Path, _Listing] = OrderedDict()

    def look(self, parts: Sequence[str]) -> Iterator[tuple[Path, bool]]:
        """Yield files of a path in parts (which may hold ``*``), and whether they lie below the root."""
        yield from self._walk(self.root, list(parts), False)

    def _walk(self, folder: Path, parts: list[str], linked: bool) -> Iterator[tuple[Path, bool]]:
        listing = self._list(folder)
        first, *rest = parts
        for name in _match(listing, first, last=not rest):
            path, link = folder / name, linked or listing.links[name]
            if rest:
                yield from self._walk(path, rest, link)
            elif link and not self._is_inside(path):
                yield path, False
            elif path.is_file():
                yield path, True

    def _list(self, folder: Path) -> _Listing:
        if folder in self._listings:
            self._listings.move_to_end(folder)
            return self._listings[folder]
        links: dict[str, bool] = {}
        folded: dict[str, list[str]] = {}
        stems: dict[str, list[str]] = {}
        try:
            with os.scandir(folder) as entries:
                links = {e.name: e.is_symlink() for e in entries}
        except OSError:
            pass
        for name in sorted(links):
            folded.setdefault(name.casefold(), []).append(name)
            stems.setdefault(cut_extension(name).casefold(), []).append(name)
        self._listings[folder] = _Listing(links, folded, stems)
        if len(self._listings) > FOLDERS:
            self._listings.popitem(last=False)
        return self._listings[folder]

    def _is_inside(self, path: Path) -> bool:
        return is_inside(path, self.root)


def _match(listing: _Listing, wanted: str, last: bool) -> list[str]:
    """Return the names of a folder that a part of a path may mean, the best first."""
    if "*" in wanted.replace("[*]", ""):
        pattern = wanted.casefold()
        if pattern not in listing.patterns:
            fits = [n for fold, names in listing.folded.items() if fnmatchcase(fold, pattern) for n in names]
            listing.patterns[pattern] = fits
        return listing.patterns[pattern]
    wanted = wanted.replace("[*]", "*")
    found = [wanted] if wanted in listing.links else []
    found += listing.folded.get(wanted.casefold(), [])
    if last:
        found += sorted(listing.stems.get(cut_extension(wanted).casefold(), []), key=_rank_ending)
    return list(dict.fromkeys(found))


def _rank_ending(name: str) -> tuple[int, str]:
    ending = name.rpartition(".")[2].lower()
    return (EXTENSIONS.index(ending) if ending in EXTENSIONS else len(EXTENSIONS)), name
