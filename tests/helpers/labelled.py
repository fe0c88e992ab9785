"""Hand-labelled sentences (``tests/data/reader_sentences.tsv``): how they are read and scored.

``labels`` and ``places`` are JSON: condition -> 1, 0 or -1, condition -> places. A place ``?x`` may be
missing, ``x/y`` is met by either, null is no place. In ``note``, ``opt:NAME`` is not asked, ``alt:NAME=v`` is
right too. ``where`` points into the Open-i reports, whose texts are not kept here: report, section, start of
the sha256.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import tarfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from defusedxml import ElementTree

DATA = Path(__file__).parents[1] / "data"
SECTIONS = ("INDICATION", "COMPARISON", "FINDINGS", "IMPRESSION")


@dataclass(frozen=True)
class Labelled:
    """One text with its right reading."""

    id: str
    kind: str
    where: str
    text: str
    labels: dict[str, int]
    places: dict[str, list[str] | None]
    unasked: frozenset[str]
    """Conditions that are not asked."""
    either: tuple[tuple[str, int | None], ...]
    """Condition and a label that is right too; None if it may be left out."""


def read_sentences(name: str = "reader_sentences.tsv") -> list[Labelled]:
    """All rows; of those that point into Open-i, ``text`` is empty."""
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return [_read_row(r) for r in csv.DictReader(file, delimiter="\t")]


def _read_row(row: dict[str, str]) -> Labelled:
    name = r"((?:[A-Z]\w+)(?: [A-Z]\w+)*)"
    either = [
        (c, None if v == "none" else int(v)) for c, v in re.findall(f"alt:{name}=(none|-?1|0)", row["note"])
    ]
    return Labelled(
        row["id"],
        row["kind"],
        row["where"],
        row["text"].replace("\\n", "\n"),
        json.loads(row["labels"]),
        json.loads(row["places"]),
        frozenset(re.findall(f"opt:{name}", row["note"])),
        tuple(either),
    )


def find_openi_texts(archive: Path) -> dict[str, str]:
    """Start of sha256 -> every sentence of findings and impressions, and every whole report."""
    out: dict[str, str] = {}
    with tarfile.open(archive) as reports:
        for member in reports.getmembers():
            if not member.name.endswith(".xml"):
                continue
            stored = reports.extractfile(member)
            assert stored is not None
            parts = {}
            for part in ElementTree.fromstring(stored.read()).iter("AbstractText"):
                label, text = part.get("Label"), (part.text or "").strip()
                parts[label] = re.sub(r"\s+", " ", text)
                if label in ("FINDINGS", "IMPRESSION"):
                    for piece in re.split(r"(?<=[.?!])\s+(?=[A-Z0-9])", text):
                        piece = re.sub(r"\s+", " ", piece.strip())
                        out[_sign(piece)] = piece
            whole = "\n".join(f"{s}: {parts[s]}" for s in SECTIONS if parts.get(s))
            out[_sign(whole)] = whole
    return out


def _sign(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass
class Score:
    """How many of a kind were read exactly, and what was read as its opposite."""

    count: int = 0
    exact: int = 0
    places: int = 0
    """Of those read exactly, how many with the right places too."""
    flips: tuple[str, ...] = ()
    misread: tuple[str, ...] = ()


def score_reading(rows: Iterable[Labelled], read: Any) -> dict[str, Score]:
    """Kind -> score of the rows, each with its text; ``read`` is ``nastdata.parse``."""
    out: dict[str, Score] = defaultdict(Score)
    for row in rows:
        assert row.text, row.id
        reading = read(row.text)
        said = {c: v for c, v in reading.labels.items() if c not in row.unasked}
        wanted = {c: v for c, v in row.labels.items() if c not in row.unasked}
        for condition, value in row.either:
            if said.get(condition) == value:
                wanted = {c: v for c, v in wanted.items() if c != condition}
                wanted |= {} if value is None else {condition: value}
        score = out[row.kind]
        score.count += 1
        if said == wanted:
            score.exact += 1
            found = {
                c: {f.location for f in reading.facts if f.condition == c and f.denies != "location"}
                for c in said
            }
            score.places += all(fits_places(row.places.get(c), found[c] - {None}) for c in said)
        else:
            score.misread += (f"{row.id} {row.text!r}: {wanted}, read as {said}",)
        flipped = [c for c in said.keys() & wanted.keys() if {said[c], wanted[c]} == {0, 1}]
        score.flips += tuple(f"{row.id} {row.text!r}: {c} read as {said[c]}" for c in flipped)
    return dict(out)


def fits_places(wanted: list[str] | None, said: set[str]) -> bool:
    left = set(said)
    for each in wanted or ():
        hit = next((p for p in each.lstrip("?").split("/") if p in left), None)
        if hit is not None:
            left.discard(hit)
        elif not each.startswith("?"):
            return False
    return not left
