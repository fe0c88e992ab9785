"""CAD-Chest's mentions of diseases, read leniently into definite facts of the ontology."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from nastdata.ontology import Ontology
from nastdata.records import Fact
from nastdata.sources.places import PlaceIndex, combine_sides, find_grade, read_map

WORD = re.compile(r"[a-z]+")
SIDES = {"left": "left", "right": "right", "bilateral": "both", "bibasilar": "both", "biapical": "both"}
REGIONS = {
    **dict.fromkeys(("basal", "basilar", "base", "bases", "bibasilar"), "lung base"),
    **dict.fromkeys(("apical", "apicolateral", "apex", "biapical"), "lung apex"),
    "retrocardiac": "retrocardiac region",
    **dict.fromkeys(("rib", "ribs"), "ribs"),
    "lingula": "lingula",
    "perihilar": "perihilar region",
}
HEIGHTS = {"upper": "upper", "lower": "lower", "middle": "mid", "mid": "mid"}

KEYS = (
    *("entity_name", "probability_score", "probability"),
    *("location", "level", "post_location", "location2", "level2", "post_location2"),
)
"""What is read of a mention."""

Where = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class Mention:
    """What one mention says: definite facts, or that a condition is doubtful."""

    facts: tuple[Fact, ...]
    doubtful: tuple[Fact, ...]


NOTHING = Mention((), ())


class MentionReader:
    """Reads mentions; equal ones are read once.

    Attributes:
        counts: Why mentions were not used, or lost their place or grade, in mentions.
    """

    def __init__(self, ontology: Ontology, strength: tuple[str, ...]) -> None:
        self._ontology = ontology
        self._places = PlaceIndex(ontology)
        self._conditions = {
            row["disease"]: row["condition"]
            for row in read_map("cad_diseases")
            if row["strength"] in strength and row["condition"] in ontology.condition_by_name
        }
        self._loose = {
            row["disease"]: row["condition"]
            for row in read_map("cad_diseases")
            if row["strength"] not in strength and row["condition"] in ontology.condition_by_name
        }
        self._levels = {row["level"]: row["grade"] for row in read_map("cad_levels")}
        self._scores = {row["word"]: int(row["score"]) for row in read_map("cad_probabilities")}
        self._read: dict[tuple[str, ...], tuple[Mention, tuple[str, ...]]] = {}
        self.counts: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()

    def read(self, entity: dict[str, Any]) -> Mention:
        """Return the facts of one mention (two, if it names two places)."""
        entity = _tidy_keys(entity)
        key = tuple([str(entity.get(k)) for k in KEYS])
        if key not in self._read:
            notes: list[str] = []
            self._read[key] = (self._judge(entity, notes), tuple(notes))
        mention, told = self._read[key]
        self.counts.update(told)
        return mention

    def _judge(self, entity: dict[str, Any], notes: list[str]) -> Mention:
        said = {k: _say(entity.get(k)) for k in KEYS}
        condition = self._conditions.get(" ".join(said["entity_name"]))
        if condition is None:
            notes.append("not a condition of the ontology")
            loose = self._loose.get(" ".join(said["entity_name"]))
            value = self._find_score(" ".join(said["probability_score"] or said["probability"]))
            # what is near to a condition keeps it from being denied
            return Mention((), (Fact(loose, "uncertain"),)) if loose and value != -3 else NOTHING
        value = self._find_score(" ".join(said["probability_score"] or said["probability"]))
        if value is None or abs(value) != 3:
            notes.append("unknown certainty" if value is None else "uncertain")
            return Mention((), (Fact(condition, "uncertain"),))
        parts = [(said["location"] + said["post_location"], said["level"])]
        if said["location2"] or said["post_location2"] or said["level2"]:
            parts.append((said["location2"] + said["post_location2"], said["level2"]))
        facts: list[Fact] = []
        for words, grades in parts:
            grade = self._find_grade(condition, grades, notes)
            places = [self._places.find(condition, *w) for w in find_places(words, notes)]
            if value > 0:
                facts += [Fact(condition, "present", place, grade) for place in places]
            elif grade is not None:
                notes.append("absent with a grade: only that grade is denied")
            else:
                # "no acute fracture" is less than "no fracture"
                how = " ".join(grades) or None
                facts += [Fact(condition, "absent", place, qualifier=how) for place in places]
        return Mention(tuple(dict.fromkeys(facts)), ())

    def _find_score(self, text: str) -> int | None:
        try:
            return int(float(text))
        except ValueError:
            return self._scores.get(text)

    def _find_grade(self, condition: str, words: Iterable[str], notes: list[str]) -> str | None:
        grades: set[str] = set()
        for word in words:
            meaning = self._levels.get(word)
            if meaning is None:
                notes.append("unknown level: the grade is unknown")
                self.unknown[word] += 1
            elif meaning:
                grades.add(meaning)
            else:
                notes.append("a word of change is no grade")
        if len(grades) > 1:
            notes.append("several grades: the grade is unknown")
            return None
        return find_grade(self._ontology, condition, next(iter(grades))) if grades else None


def list_entities(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the mentions of a record, whether listed, keyed by name, or single.

    Raises:
        ValueError: if they are none of these.
    """
    entity = _tidy_keys(record).get("entity")
    if entity is None:
        return []
    if isinstance(entity, dict):
        if "entity_name" in _tidy_keys(entity):
            return [entity]
        entity = [
            {"entity_name": k, **_tidy_keys(v)} if isinstance(v, dict) else v for k, v in entity.items()
        ]
    if not isinstance(entity, list) or not all(isinstance(e, dict) for e in entity):
        raise ValueError("its 'entity' is not a list of mentions")
    return entity


def tidy_id(value: object) -> str:
    """Return an id as text without blanks, prefix letter or decimal part; empty if there is none."""
    text = "" if value is None else str(value).strip().removesuffix(".0")
    return text[1:] if text[:1] in ("p", "s") else text


@lru_cache(maxsize=1000)
def _are_tidy(keys: tuple[str, ...]) -> bool:
    return all(k.islower() and k.strip() == k and " " not in k for k in keys)


def _tidy_keys(mapping: dict[str, Any]) -> dict[str, Any]:
    if _are_tidy(tuple(mapping)):
        return mapping
    return {k.strip().lower().replace(" ", "_"): v for k, v in mapping.items()}


def _say(value: object) -> tuple[str, ...]:
    """Return a text or a list of texts as tidy words, without blanks and nulls."""
    items = value if isinstance(value, list | tuple) else [value]
    words = (" ".join(str(x).lower().split()) for x in items if x is not None)
    return tuple(w for w in words if w and w not in ("nan", "none", "null"))


def find_places(items: tuple[str, ...], notes: list[str]) -> list[Where]:
    """Return the (region, side) pairs that words name; unknown is (None, None)."""
    each = [find_place([item], []) for item in items]
    if len(each) > 1 and all(region and side for region, side in each):
        return list(dict.fromkeys(each))
    return [find_place(items, notes)]


def find_place(items: Iterable[str], notes: list[str]) -> Where:
    """Return the one (region, side) that words name together; what they contradict is None."""
    words = [w for item in items for w in WORD.findall(item)]
    side, contradict = combine_sides(SIDES[w] for w in words if w in SIDES)
    if contradict:
        notes.append("sides contradict one another: the place is unknown")
        return None, None
    regions = {REGIONS[w] for w in words if w in REGIONS}
    heights = {HEIGHTS[w] for w in words if w in HEIGHTS}
    if len(heights) == 1 and not regions:
        height = heights.pop()
        if "lobe" in words:
            regions = {"middle lobe" if height == "mid" else f"{height} lobe"}
        else:
            regions = {f"{height} lung zone"}
    elif heights:
        regions |= heights
    if regions == {"middle lobe"} and side is None:
        side = "right"
    if len(regions) > 1:
        notes.append("several places: only the side is known")
        return None, side
    region = next(iter(regions), None)
    if region is None and side and "lung" in words:
        region = "lung"
    return region, side
