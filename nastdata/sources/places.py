"""From a corpus's words for places and grades to those of the ontology."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files

from nastdata.ontology import Ontology

RANKS = {
    **dict.fromkeys(("minimal", "minor", "trace", "tiny", "subtle", "slight", "mild", "small"), 0),
    "moderate": 1,
    **dict.fromkeys(("severe", "large", "massive"), 2),
}
"""Grade word -> rank on a scale of three, for scales that name neither the word nor a synonym of it."""


class PlaceIndex:
    """Finds the place of a condition by region and side."""

    def __init__(self, ontology: Ontology) -> None:
        self._by_condition: dict[str, dict[tuple[str | None, str | None], str]] = {
            c.name: {(ontology.place_by_name[p].region, ontology.place_by_name[p].side): p for p in c.places}
            for c in ontology.conditions
        }

    def find(self, condition: str, region: str | None, side: str | None) -> str | None:
        """Return a place that the condition can be at, and that what is said implies.

        A region that the condition can't have is let go, and its side kept: a pneumothorax "of the left
        upper lobe" is on the left. Nothing is guessed: no region and no side is no place.
        """
        places = self._by_condition.get(condition, {})
        if region is None and side is None:
            return None
        return places.get((region, side)) or (places.get((None, side)) if side else None)


def combine_sides(sides: Iterable[str]) -> tuple[str | None, bool]:
    """Return the one side that words agree on, and whether they contradict one another."""
    distinct = set(sides)
    if len(distinct) > 1:
        return None, True
    return next(iter(distinct), None), False


def find_grade(ontology: Ontology, condition: str, word: str) -> str | None:
    """Return the grade of a condition that a word means: by name, by synonym, then by rank."""
    known = ontology.condition_by_name[condition]
    scale = next((s for s in ontology.scales if s.name == known.scale), None)
    if scale is None:
        return None
    if word in scale.grades:
        return word
    for grade, synonyms in scale.synonyms.items():
        if word in synonyms:
            return grade
    rank = RANKS.get(word)
    return scale.grades[rank] if rank is not None and len(scale.grades) == 3 else None


def is_partial(sentence: str, language: str) -> bool:
    """Whether a sentence gives a place only as where most of a finding is: "predominantly on the left".

    Args:
        sentence: Of a report.
        language: Code of its language; "en", "es".
    """
    return any(p.search(sentence) for p in _partial_words().get(language, ()))


@lru_cache(maxsize=1)
def _partial_words() -> dict[str, tuple[re.Pattern[str], ...]]:
    out: dict[str, list[re.Pattern[str]]] = {}
    for row in read_map("partial_places"):
        out.setdefault(row["language"], []).append(re.compile(row["pattern"], re.IGNORECASE))
    return {language: tuple(patterns) for language, patterns in out.items()}


def read_map(name: str) -> list[dict[str, str]]:
    """Read a mapping table that ships with the package (``maps/NAME.tsv``)."""
    text = files("nastdata.sources").joinpath("maps", f"{name}.tsv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines(), delimiter="\t"))
