"""Words in ids and paths that could be a person's name: ``Doe_Jane_000.png``.

A name goes with one person, while the words of an archive's folders ("images", "ward") recur; so a word of
letters is suspicious if few patients have it and it is no usual word. This finds names that are written
out. It can't find a hospital number: whether such numbers may be passed on is the owner's to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import polars as pl
import yaml

COLUMNS = ("patient_id", "study_id", "image_id", "image", "distractor_image_id", "distractor_image")
LETTERS = re.compile(r"([^\W\d_]{3,})\d*")
SEPARATED = re.compile(r"[\W_]+")
HEX = re.compile(r"[0-9a-f]+", re.IGNORECASE)
FEW, SHARE = 3, 0.05
"""A word recurs, and so names no person, from this many patients on, and this share of them."""


@dataclass(frozen=True)
class Suspicious:
    """Words of one column that could be names."""

    column: str
    words: int
    """Distinct ones."""
    word: str
    value: str
    """The first of them, and where it is."""

    def __str__(self) -> str:
        many = f" ({self.words:,} such words)" if self.words > 1 else ""
        return f"{self.column} '{self.value}': '{self.word}' could be a person's name{many}"


def find_likely_names(frame: pl.DataFrame) -> list[Suspicious]:
    """Return what could be a name, one entry a column; empty if nothing could.

    Args:
        frame: rows with ``patient_id`` and any of the id and image columns (text).
    """
    out = []
    patients = frame["patient_id"].n_unique()
    recurs = max(FEW, SHARE * patients)
    for column in COLUMNS:
        if column not in frame.columns or frame.schema[column] != pl.String:
            continue
        pairs = (
            frame.select(pl.col("patient_id").alias("#patient"), column)
            .drop_nulls()
            .unique(maintain_order=True)
        )
        of: dict[str, set[str]] = {}
        where: dict[str, str] = {}
        for patient, value in pairs.iter_rows():
            for word in list_words(value):
                if len(seen := of.setdefault(word, set())) < recurs:
                    seen.add(patient)
                where.setdefault(word, value)
        bad = [w for w, seen in of.items() if len(seen) < recurs]
        if bad:
            out.append(Suspicious(column, len(bad), bad[0], where[bad[0]]))
    return out


def list_words(value: str) -> list[str]:
    """Return the words of an id or path that are neither usual ones nor parts of a code, in lower case.

    ``scan_7f3abc.png`` has none: letters after digits, and hexadecimal digits alone, are a code.
    """
    found = (LETTERS.fullmatch(p) for p in SEPARATED.split(value) if not HEX.fullmatch(p))
    words = (m.group(1).lower() for m in found if m)
    return [w for w in words if w not in usual_words()]


@cache
def usual_words() -> frozenset[str]:
    """Return the words that name no person."""
    text = (files("nastdata.checks.identities") / "usual_words.yaml").read_text(encoding="utf-8")
    return frozenset(w for words in yaml.safe_load(text).values() for w in words)
