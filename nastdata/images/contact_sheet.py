"""A page of small pictures: do images come out upright, not inverted, not white."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nastdata.engines.base import IN_PROCESS, Engine
from nastdata.images.convert import ImageFile, check_images, open_picture
from nastdata.images.decoding.picture import REASONS, STEPS, Picture, UnusableImageError
from nastdata.images.thumbnails import draw_thumbnail
from nastdata.seeded import draw_int

SIDE = 220
"""Pixels of the longer side of a picture on the page."""
WHITE, BLACK = 0.6, 0.9
"""Shares of the pixels that are white, and black, from which on a picture is pointed out."""
LEAST, SHARE = 32, 4
CHECK_LEAST, CHECK_SHARE = 2_000, 200
NAMED = 12
"""Files that are named for each reason."""


class Look(NamedTuple):
    """What became of one image."""

    picture: str
    """``data:`` address; empty if there is none."""
    size: tuple[int, int] = (0, 0)
    kind: str = ""
    bits: int = 0
    steps: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    reason: str = ""
    detail: str = ""


@dataclass
class Sheet:
    """What a contact sheet shows."""

    title: str
    named: int = 0
    """Images that there should be."""
    kinds: Counter[str] = field(default_factory=Counter)
    """Format and bits, of headers that are fine."""
    steps: Counter[str] = field(default_factory=Counter)
    """Conversions, of the pictures shown."""
    refused: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """Reason -> (name, detail) of each image."""
    shown: list[tuple[str, Look]] = field(default_factory=list)
    others: int = 0
    """Files beside the images that are named as something else, and were not looked at."""

    @property
    def usable(self) -> int:
        """Images that are not refused."""
        return self.named - sum(map(len, self.refused.values()))

    @property
    def hinted(self) -> int:
        """Pictures that look odd."""
        return sum(bool(look.hints) for _, look in self.shown)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, without pictures."""
        return {
            "title": self.title,
            "named": self.named,
            "usable": self.usable,
            "kinds": dict(self.kinds.most_common()),
            "refused": {r: len(names) for r, names in sorted(self.refused.items())},
            "refused_files": {r: [n for n, _ in names] for r, names in sorted(self.refused.items())},
            "shown": len(self.shown),
            "other_files": self.others,
            "conversions": dict(sorted(self.steps.items())),
            "look_odd": {name: list(look.hints) for name, look in self.shown if look.hints},
        }


def make_sheet(
    title: str,
    files: Sequence[tuple[str, ImageFile]],
    *,
    most: int = 300,
    keep_burnt_in: bool = False,
    engine: Engine = IN_PROCESS,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Sheet:
    """Look at images: at every header, and at the pixels of some.

    Args:
        title: of the page.
        files: (name, where it is) of each image.
        most: pictures to show; chosen by hash from all, at least one of each format and bit depth.
        keep_burnt_in: show images whose header says that text is burnt in, too.
        engine: where the work runs.
        tell: is given (done, total) as pictures are decoded.
    """
    sheet = Sheet(title, len(files))
    check = partial(check_images, keep_burnt_in=keep_burnt_in)
    groups: dict[str, list[int]] = {}
    places = [f for _, f in files]
    for i, result in enumerate(engine.stream(check, places, least=CHECK_LEAST, share=CHECK_SHARE)):
        if result.reason:
            sheet.refused.setdefault(result.reason, []).append((files[i][0], result.detail))
        else:
            group = f"{result.kind}, {result.bits} bit"
            groups.setdefault(group, []).append(i)
            sheet.kinds[group] += 1
    chosen = _choose(groups, [name for name, _ in files], most)
    look = partial(look_at, keep_burnt_in=keep_burnt_in)
    looks = engine.stream(look, [files[i][1] for i in chosen], least=LEAST, share=SHARE)
    for done, (i, found) in enumerate(zip(chosen, looks, strict=True), 1):
        if found.reason:
            sheet.refused.setdefault(found.reason, []).append((files[i][0], found.detail))
            sheet.kinds[next(g for g, members in groups.items() if i in members)] -= 1
        else:
            sheet.shown.append((files[i][0], found))
            sheet.steps.update(found.steps)
        tell(done, len(chosen))
    sheet.kinds = +sheet.kinds
    return sheet


def look_at(files: Sequence[ImageFile], keep_burnt_in: bool = False) -> list[Look]:
    """Decode some images and draw them small; what can't be used has a reason."""
    return [_look(file, keep_burnt_in) for file in files]


def find_oddities(picture: Picture) -> tuple[str, ...]:
    """Return what looks wrong with a radiograph's grey levels, in words; hints, no proof."""
    pixels = picture.pixels if picture.pixels.ndim == 2 else picture.pixels.mean(axis=2)
    height, width = pixels.shape
    out = []
    if (pixels >= 250).mean() > WHITE:
        out.append("mostly white")
    if (pixels <= 5).mean() > BLACK:
        out.append("mostly black")
    if float(pixels.max()) - float(pixels.min()) < 16:
        out.append("hardly any contrast")
    if min(height, width) >= 32:
        edge = max(2, min(height, width) // 16)
        ends = (slice(edge), slice(-edge, None))
        corners = [pixels[a, b].mean() for a in ends for b in ends]
        middle = pixels[height // 3 : -height // 3, width // 3 : -width // 3].mean()
        if float(np.median(corners)) > 200 and middle < 110:
            out.append("bright around a dark middle: inverted?")
    return tuple(out)


def render_sheet(sheet: Sheet) -> str:
    """Return the page: one HTML file that needs nothing but itself and runs no script."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["thousands"] = lambda n: f"{n:,}"
    template = environment.get_template("contact_sheet.html.j2")
    return template.render(sheet=sheet, steps=STEPS, reasons=REASONS, most_named=NAMED)


def _choose(groups: dict[str, list[int]], names: Sequence[str], most: int) -> list[int]:
    """Choose pictures by hash, the first of each group before the others; in the order of the names."""
    rank = {i: draw_int(0, "contact sheet", names[i]) for members in groups.values() for i in members}
    ordered = {g: sorted(members, key=rank.__getitem__) for g, members in groups.items()}
    first = [members[0] for members in ordered.values()]
    rest = sorted((i for members in ordered.values() for i in members[1:]), key=rank.__getitem__)
    return sorted([*first, *rest][:most])


def _look(file: ImageFile, keep_burnt_in: bool) -> Look:
    try:
        picture = open_picture(file)
        if picture.burnt_in and not keep_burnt_in:
            raise UnusableImageError("burnt-in text")
    except UnusableImageError as e:
        return Look("", reason=e.reason, detail=e.detail)
    shown = draw_thumbnail(Picture(picture.pixels, picture.kind), SIDE) or ""
    hints = find_oddities(picture)
    return Look(shown, picture.size, picture.kind, picture.bits, picture.steps, hints)
