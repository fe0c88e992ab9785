"""What words mean: of label cells, of splits and sides, and names beside those of the ontology."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml

from nastdata.ontology import Ontology
from nastdata.sources.own.settings import OwnSettings
from nastdata.sources.places import PlaceIndex, find_grade

CODES = {"present": 1, "absent": 0, "uncertain": -1, "not_mentioned": None}
NUMBER = re.compile(r"[-+]?\d+(?:[.,]0*)?")
IGNORE = "ignore"


@lru_cache(maxsize=1)
def read_words() -> dict[str, Any]:
    """Return the words that ship with the package (``words.yaml``)."""
    text = files("nastdata.sources.own").joinpath("words.yaml").read_text(encoding="utf-8")
    data: dict[str, Any] = yaml.safe_load(text)
    return data


def fold(word: str | None) -> str:
    """Return a cell as it is compared: no case, no outer blanks, numbers by their value."""
    text = (word or "").strip().casefold()
    if len(text) < 40 and NUMBER.fullmatch(text):
        return str(int(re.split("[.,]", text)[0]))
    return text


class Meanings:
    """Word of a label cell -> present, absent, uncertain, not_mentioned, or None if it is not understood."""

    def __init__(self, settings: OwnSettings) -> None:
        known: dict[str, str] = {}
        for meaning in CODES:
            known |= {fold(w): meaning for w in read_words()[meaning]}
        known[""] = settings.values.blank
        for meaning in CODES:
            known |= {fold(w): meaning for w in getattr(settings.values, meaning)}
        self._known = known

    def find(self, cell: str | None, blank: str | None = None) -> str | None:
        """Return the meaning of a cell; ``blank`` is the column's own rule for blank ones."""
        word = fold(cell)
        return blank if not word and blank else self._known.get(word)


def find_split(word: str, settings: OwnSettings) -> str | None:
    """Return train, validation or test for a word of the split column, or None."""
    folded = word.strip().casefold()
    for split in ("train", "validation", "test"):
        own = [w.strip().casefold() for w in getattr(settings.splits, split)]
        if folded in own:
            return split
    return next((s for s, words in read_words()["splits"].items() if folded in words), None)


class Places:
    """Words of place, side and grade cells -> places and grades of a condition."""

    def __init__(self, ontology: Ontology, settings: OwnSettings) -> None:
        self._ontology, self._index = ontology, PlaceIndex(ontology)
        self._places = {fold(k): v for k, v in settings.places.items()}
        self._grades = {fold(k): v for k, v in settings.grades.items()}
        self._sides = {w: side for side, words in read_words()["sides"].items() for w in words}
        self._names: dict[str, tuple[str | None, str | None]] = {}
        for p in ontology.places:
            for said in (p.name, p.phrase, p.adjective, *p.synonyms):
                if said:
                    self._names.setdefault(fold(said), (p.region, p.side))
        for region in ontology.regions:
            self._names.setdefault(fold(region.name), (region.name, None))

    def read_place(self, word: str | None) -> tuple[str | None, str | None] | None:
        """Return (region, side) of a word; (None, None) if it is blank or ignored; None if not understood."""
        folded = fold(word)
        if not folded or self._is_blank(folded):
            return None, None
        folded = fold(self._places.get(folded, folded))
        if folded == IGNORE:
            return None, None
        if folded in self._sides:
            return None, self._sides[folded]
        return self._names.get(folded)

    def find_place(self, condition: str, region: str | None, side: str | None) -> str | None:
        """Return the condition's place at a region and side; a region that it cannot have is let go."""
        return self._index.find(condition, region, side)

    def read_grade(self, condition: str, word: str | None) -> tuple[bool, str | None]:
        """Return (understood, the condition's grade or None)."""
        folded = fold(word)
        if not folded or self._is_blank(folded):
            return True, None
        folded = fold(self._grades.get(folded, folded))
        if folded == IGNORE:
            return True, None
        grade = find_grade(self._ontology, condition, folded)
        if grade is not None:
            return True, grade
        return folded in self._all_grades or not self._ontology.grades(condition), None

    @property
    def _all_grades(self) -> set[str]:
        return {fold(g) for s in self._ontology.scales for g in (*s.grades, *sum(s.synonyms.values(), ()))}

    def _is_blank(self, folded: str) -> bool:
        return folded in read_words()["not_mentioned"] and folded not in {*self._places, *self._grades}


def simplify(name: str) -> str:
    """Return a name without case, marks and plural, as names of columns and lists are compared."""
    text = re.sub(r"[_\-./]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)).casefold()
    words = re.findall(r"[^\W_]+", text)
    return " ".join(w[:-1] if len(w) > 3 and w.endswith("s") and not w.endswith("ss") else w for w in words)


class NameMatcher:
    """Finds the condition that a name of somebody else's table means."""

    def __init__(self, ontology: Ontology) -> None:
        self._known: dict[str, str] = {}
        for c in ontology.conditions:
            for said in (c.name, c.text, *c.synonyms):
                self._known.setdefault(simplify(said), c.name)

    def find(self, name: str) -> str | None:
        """Return the condition that is called just this, by name or synonym, or None."""
        return self._known.get(simplify(name))

    def list_near(self, name: str, most: int = 3) -> list[str]:
        """Return conditions whose names or synonyms look alike, the nearest first."""
        folded = simplify(name)
        near = difflib.get_close_matches(folded, self._known, n=8, cutoff=0.6)
        words = set(folded.split())
        sharing = [k for k in self._known if words & set(k.split()) and len(folded) > 3]
        sharing.sort(key=lambda k: (-len(words & set(k.split())) / len(words | set(k.split())), k))
        return list(dict.fromkeys(self._known[k] for k in [*near, *sharing[:8]]))[:most]


def check_targets(names: Mapping[str, str], known: Mapping[str, object]) -> list[str]:
    """Return a line for each name (where -> condition) that is no condition of the ontology."""
    from nastdata.errors import name_nearest

    return [
        f"{where}: no condition '{n}' ({name_nearest(n, known)})"
        for where, n in names.items()
        if n not in known
    ]
