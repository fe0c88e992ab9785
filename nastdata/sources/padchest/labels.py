"""PadChest's label lists: what one ``LabelsLocalizationsBySentence`` says, in the ontology's words.

The column has two forms. Physicians' rows are lists of sentences, each a list of labels and then the
places of all of them. The model's rows are one flat list, in which places follow their labels.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from nastdata.ontology import Ontology
from nastdata.sources.places import PlaceIndex, combine_sides, read_map

BARE_NAN = re.compile(r"(?<=[\[ ,])nan(?=\s*[\],])")
LOCATION = "loc "
NO_INFORMATION = frozenset({"exclude", "suboptimal study", "unchanged"})
"""Labels that say nothing about any finding."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Labels that were said together, with the places said of them."""

    labels: tuple[str, ...]
    locations: tuple[str, ...]


@dataclass
class Tally:
    """What was not used, in findings."""

    unmapped: Counter[str] = field(default_factory=Counter)
    contradictory_sides: int = 0
    several_places: int = 0
    unknown_locations: Counter[str] = field(default_factory=Counter)


class LabelReader:
    """Turns label lists into (condition, place) pairs; each distinct text is read once.

    Args:
        ontology: Whose names are wanted.
        strength: How close a label must be to a condition: exact, broad, implied.
    """

    def __init__(self, ontology: Ontology, strength: tuple[str, ...]) -> None:
        self._places = PlaceIndex(ontology)
        self._conditions: dict[str, list[str]] = {}
        for row in read_map("padchest_labels"):
            if row["strength"] in strength and row["condition"] in ontology.condition_by_name:
                self._conditions.setdefault(row["label"], []).append(row["condition"])
        self._locations = {
            row["location"]: (row["region"] or None, row["side"] or None)
            for row in read_map("padchest_locations")
        }

    @property
    def bare_locations(self) -> frozenset[str]:
        """Known places without their "loc ", as PadChest-GR writes them."""
        return frozenset(name.removeprefix(LOCATION) for name in self._locations)

    def read(self, text: str, tally: Tally) -> list[tuple[str, str | None]]:
        """Return the distinct (condition, place) pairs of one label list.

        Raises:
            ValueError: if the text is no list of labels.
        """
        found: dict[tuple[str, str | None], None] = {}
        for finding in split_findings(text):
            conditions = [c for label in finding.labels for c in self._conditions.get(label, ())]
            tally.unmapped.update(x for x in finding.labels if x not in self._conditions)
            if not conditions:
                continue
            pairs = self._read_locations(finding, tally)
            shared = len(set(finding.labels) - NO_INFORMATION - {"normal"}) > 1
            for condition in dict.fromkeys(conditions):
                for place in self._place(condition, pairs, shared, tally):
                    found[(condition, place)] = None
        return list(found)

    def _read_locations(self, finding: Finding, tally: Tally) -> list[tuple[str | None, str | None]]:
        tally.unknown_locations.update(x for x in finding.locations if x not in self._locations)
        known = [self._locations[x] for x in finding.locations if x in self._locations]
        return list(dict.fromkeys(pair for pair in known if pair != (None, None)))

    def _place(
        self, condition: str, pairs: list[tuple[str | None, str | None]], shared: bool, tally: Tally
    ) -> list[str | None]:
        """Return the places of one condition; an unknown place is None."""
        # several complete places of one label are several findings; of several labels, nobody knows whose
        whole = [(region, side) for region, side in pairs if region and side]
        loose = [(region, side) for region, side in pairs if not (region and side)]
        if len(whole) > 1 and not loose and not shared:
            return list(dict.fromkeys(self._places.find(condition, r, s) for r, s in whole))
        side, contradict = combine_sides(s for _, s in pairs if s)
        if contradict:
            tally.contradictory_sides += 1
            return [None]
        possible = {r for r, _ in pairs if r and self._places.find(condition, r, side) is not None}
        exact = {
            r for r in possible if self._places.find(condition, r, None) or self._has(condition, r, side)
        }
        if len(exact) > 1:
            tally.several_places += 1
            exact = set()
        return [self._places.find(condition, next(iter(exact), None), side)]

    def _has(self, condition: str, region: str, side: str | None) -> bool:
        """Whether the condition can be in the region itself, on that side."""
        return self._places.find(condition, region, side) != self._places.find(condition, None, side)


def split_findings(text: str) -> Iterator[Finding]:
    """Split a label list of either form into findings.

    Raises:
        ValueError: if the text is no list of labels.
    """
    if text == "nan":
        return
    try:
        items = ast.literal_eval(BARE_NAN.sub("None", text))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise ValueError("not a list of labels") from None
    if not isinstance(items, list):
        raise ValueError("not a list of labels")
    flat: list[str] = []
    for item in items:
        if isinstance(item, list):
            yield from _group(_strip(item))
        else:
            flat += _strip([item])
    yield from _group(flat)


def _strip(items: list[object]) -> list[str]:
    if not all(x is None or isinstance(x, str) for x in items):
        raise ValueError("a label that is no text")
    words = [x.strip() for x in items if isinstance(x, str)]
    return [w for w in words if w and w != "nan"]


def _group(words: list[str]) -> Iterator[Finding]:
    labels: list[str] = []
    locations: list[str] = []
    for word in words:
        if word.startswith(LOCATION):
            locations.append(word)
            continue
        if locations:
            yield Finding(tuple(labels), tuple(locations))
            labels, locations = [], []
        labels.append(word)
    if labels:
        yield Finding(tuple(labels), tuple(locations))
