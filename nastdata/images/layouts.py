"""The known layouts of corpora below an image root (``layouts.yaml``), and templates of the user's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from nastdata.errors import UserError
from nastdata.images.decoding.files import EXTENSIONS

STRIPPED = 4
"""Highest number of leading folders of a path that a user's root may already contain."""
FIELDS = ("path", "name", "stem", "patient", "study", "image")
FIELD = re.compile(r"\{(.*?)\}")


@dataclass(frozen=True)
class Ids:
    """What identifies an image in a dataset's rows."""

    patient: str = ""
    study: str = ""
    image: str = ""


@dataclass(frozen=True)
class Layout:
    """Where a corpus has its images."""

    paths: tuple[str, ...]
    names: tuple[tuple[str, str], ...] = ()
    own: bool = False
    """Whether it is a template of the user's, beside which nothing else is tried."""


def get_layout(source: str, template: str | None = None) -> Layout:
    """Return the layout of a source; any other source has the one for ``any``.

    Raises:
        UserError: if a template has a field that there is none of.
    """
    if template is not None:
        check_template(template)
        return Layout((template,), own=True)
    known = read_layouts()
    common, own = known["any"], known.get(source, {})
    names = tuple((a, b) for a, b in own.get("names", ()))
    return Layout((*common["paths"], *own.get("paths", ())), names)


def check_template(template: str) -> None:
    """Refuse a template that can't name an image.

    Raises:
        UserError: saying what is wrong with it.
    """
    where, fields = "images.template", FIELD.findall(template)
    unknown = [f for f in fields if f not in FIELDS]
    how = "e.g. '{patient}/{study}/{image}.dcm'; fields: " + ", ".join(f"{{{f}}}" for f in FIELDS)
    if unknown:
        raise UserError(f"no field '{{{unknown[0]}}}' in a template", where=where, how=how)
    if not {"path", "name", "stem", "image"} & set(fields):
        raise UserError(f"'{template}' is the same for all images", where=where, how=how)
    pure = PurePosixPath(template)
    if pure.is_absolute() or ".." in pure.parts:
        raise UserError(f"'{template}' leads out of the image root", where=where, how=how)


def split_root(root: str | Path) -> tuple[Path, str | None]:
    """Cut a root that ends in a template (``/data/xrays/{patient}/{image}.dcm``) into folder and template."""
    parts = Path(root).expanduser().parts
    start = next((i for i, part in enumerate(parts) if FIELD.search(part)), None)
    if start is None:
        return Path(root).expanduser(), None
    return Path(*parts[:start]), "/".join(parts[start:])


@lru_cache(maxsize=1)
def read_layouts() -> Mapping[str, Any]:
    """Return the table of layouts."""
    text = (Path(__file__).parent / "layouts.yaml").read_text(encoding="utf-8")
    found: Mapping[str, Any] = yaml.safe_load(text)
    return found


def list_places(layout: Layout, image: str, ids: Ids) -> list[tuple[str, ...]]:
    """Return the paths, in parts, at which an image may be; parts may hold ``*``.

    An image whose own path is absolute or leads upwards has none.
    """
    pure = PurePosixPath(image.replace("\\", "/"))
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        return []
    out: list[tuple[str, ...]] = []
    for name in dict.fromkeys([pure.name, *(re.sub(a, b, pure.name) for a, b in layout.names)]):
        values = {
            "name": name,
            "stem": cut_extension(name),
            "patient": _last(ids.patient),
            "study": _last(ids.study),
            "image": cut_extension(_last(ids.image) or name),
        }
        folders = pure.parts[:-1]
        for template in layout.paths:
            strips = range(min(STRIPPED, len(folders)) + 1) if "{path}" in template else (0,)
            for strip in strips:
                filled = _fill(template, {**values, "path": "/".join((*folders[strip:], name))})
                if filled is not None:
                    out.append(filled)
    return list(dict.fromkeys(out))


def cut_extension(name: str) -> str:
    """Return a file name without the ending of an image; ids with dots in them stay whole."""
    stem, dot, ending = name.rpartition(".")
    return stem if dot and ending.lower() in EXTENSIONS else name


def _fill(template: str, values: Mapping[str, str]) -> tuple[str, ...] | None:
    """Put values into a template; None if one that it needs is not known, or leads astray."""
    if any(not values[f] for f in FIELD.findall(template)):
        return None
    parts = FIELD.sub(lambda m: values[m[1]].replace("*", "[*]"), template).split("/")
    return None if any(p in ("", ".", "..") for p in parts) else tuple(parts)


def _last(value: str) -> str:
    return value.replace("\\", "/").rstrip("/").rpartition("/")[2]
