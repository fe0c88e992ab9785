"""PadChest's label lists: what one ``LabelsLocalizationsBySentence`` says, in the ontology's words.

The column has two forms. Physicians' rows are lists of sentences, each a list of labels and then the
places of all of them. The model's rows are one flat list, in which places follow their labels; a label that
starts with a blank goes on with the sentence of the one before it, any other begins the next sentence.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from nastdata.ontology import Ontology
from nastdata.records import KIN
from nastdata.sources.places import PlaceIndex, combine_sides, read_map

BARE_NAN = re.compile(r"(?<=[\[ ,])nan(?=\s*[\],])")
LOCATION = "loc "
NO_INFORMATION = frozenset({"exclude", "suboptimal study", "unchanged"})
"""Labels that say nothing about any finding."""
SIDES = {"left": "left", "right": "right", "both": "both", "bilateral": "both"}
SIDED = re.compile(r"^(.*?) (?:(left|right|both) sides?|(bilateral))$")
"""A side in a label's own name: "pleural effusion left side"."""
Spot = tuple[str | None, str | None]
"""(region, side)"""


@dataclass(frozen=True, slots=True)
class Finding:
    """Labels that were said together, with the places said of them."""

    labels: tuple[str, ...]
    locations: tuple[str, ...]
    sentence: int = 0
    """Of the report, counted from 0."""


@dataclass(frozen=True, slots=True)
class Mention:
    """What a label says of one condition."""

    condition: str
    stated: bool
    """Whether the label states the condition; else it is only near to it, and nothing may be denied."""
    place: str | None
    """Where it is, if the label's own name says so or no other finding shares the sentence's places."""
    shared: tuple[Spot, ...]
    """Places of its sentence that other findings share: nobody knows whose they are."""
    sentence: int
    qualifier: str | None = None
    """``records.KIN`` where a finding may show as the condition, and a denial in so many words stands."""


@dataclass
class Tally:
    """What was not used, in findings."""

    unmapped: Counter[str] = field(default_factory=Counter)
    contradictory_sides: int = 0
    several_places: int = 0
    shared_places: int = 0
    """Findings with a place that others of their sentence share."""
    unknown_locations: Counter[str] = field(default_factory=Counter)


class LabelReader:
    """Turns label lists into mentions of conditions; each distinct text is read once.

    Args:
        ontology: Whose names are wanted.
        strength: How close a label must be to a condition to state it: exact, broad, implied.
    """

    def __init__(self, ontology: Ontology, strength: tuple[str, ...]) -> None:
        self._places = PlaceIndex(ontology)
        self._meanings: dict[str, list[tuple[str, str]]] = {}
        self._regions: dict[str, str] = {}
        self._strength = strength
        for row in read_map("padchest_labels"):
            meanings = self._meanings.setdefault(row["label"], [])
            if row["region"]:
                self._regions[row["label"]] = row["region"]
            if row["strength"] != "none" and row["condition"] in ontology.condition_by_name:
                meanings.append((row["condition"], row["strength"]))
        self._locations = {
            row["location"]: (row["region"] or None, row["side"] or None)
            for row in read_map("padchest_locations")
        }

    @property
    def bare_locations(self) -> frozenset[str]:
        """Known places without their "loc ", as PadChest-GR writes them."""
        return frozenset(name.removeprefix(LOCATION) for name in self._locations)

    def read(self, text: str, tally: Tally) -> list[tuple[str, str | None]]:
        """Return the distinct (condition, place) pairs that one label list states.

        Raises:
            ValueError: if the text is no list of labels.
        """
        said, _ = self.read_mentions(text, tally)
        return list(dict.fromkeys((m.condition, m.place) for m in said if m.stated))

    def read_mentions(self, text: str, tally: Tally) -> tuple[list[Mention], int]:
        """Return all that one label list says of the ontology's conditions, and of how many sentences.

        Raises:
            ValueError: if the text is no list of labels.
        """
        findings = list(split_findings(text))
        beside = Counter(f.sentence for f in findings for x in set(f.labels) - NO_INFORMATION - {"normal"})
        found: dict[Mention, None] = {}
        for finding in findings:
            pairs = self._read_locations(finding, tally)
            for label in dict.fromkeys(finding.labels):
                bare, side = split_side(label, self._meanings)
                meanings = self._meanings.get(bare)
                if not meanings:
                    tally.unmapped[label] += 1
                    continue
                alone = beside[finding.sentence] <= 1
                for condition, strength in meanings:
                    own = self._places.find(condition, self._regions.get(bare), side)
                    places: list[str | None] = [own]
                    if alone and side is None:
                        region = self._regions.get(bare)
                        places = self._place(condition, _add_region(pairs, region), tally)
                    elif pairs and own is None:
                        tally.shared_places += strength in self._strength
                    for place in places:
                        found[
                            Mention(
                                condition,
                                strength in self._strength,
                                place,
                                () if alone else tuple(pairs),
                                finding.sentence,
                                KIN if strength == "kin" else None,
                            )
                        ] = None
        return list(found), 1 + max((f.sentence for f in findings), default=-1)

    def _read_locations(self, finding: Finding, tally: Tally) -> list[Spot]:
        tally.unknown_locations.update(x for x in finding.locations if x not in self._locations)
        known = [self._locations[x] for x in finding.locations if x in self._locations]
        return list(dict.fromkeys(pair for pair in known if pair != (None, None)))

    def _place(self, condition: str, pairs: list[Spot], tally: Tally) -> list[str | None]:
        """Return the places of one condition that no other finding shares; an unknown place is None."""
        # several complete places of one label are several findings
        whole = [(region, side) for region, side in pairs if region and side]
        loose = [(region, side) for region, side in pairs if not (region and side)]
        if len(whole) > 1 and not loose:
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


def split_side(label: str, known: object = frozenset()) -> tuple[str, str | None]:
    """Return a label without the side in its name, and the side ("left", "right", "both")."""
    match = SIDED.match(label)
    if match is None or (hasattr(known, "__contains__") and label in known):
        return label, None
    return match[1], SIDES[match[2] or match[3]]


def _add_region(pairs: list[Spot], region: str | None) -> list[Spot]:
    """Add the region of a label's own name to its places, which may add a side to it, or another region."""
    if region is None or any(r == region for r, _ in pairs):
        return pairs
    return [(region, None), *pairs]


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
    if any(isinstance(item, list) for item in items):
        sentences = [item if isinstance(item, list) else [item] for item in items]
    else:
        sentences = _cut(items)
    for number, sentence in enumerate(sentences):
        yield from _group(_strip(sentence), number)


def _cut(items: list[object]) -> list[list[object]]:
    """Cut a flat list into sentences at each label that does not start with a blank."""
    sentences: list[list[object]] = []
    for item in items:
        begins = isinstance(item, str) and not item.startswith((" ", LOCATION))
        if begins or not sentences:
            sentences.append([])
        sentences[-1].append(item)
    return sentences


def _strip(items: list[object]) -> list[str]:
    if not all(x is None or isinstance(x, str) for x in items):
        raise ValueError("a label that is no text")
    words = [x.strip() for x in items if isinstance(x, str)]
    return [w for w in words if w and w != "nan"]


def _group(words: list[str], sentence: int) -> Iterator[Finding]:
    labels: list[str] = []
    locations: list[str] = []
    if not words:
        yield Finding((), (), sentence)
    for word in words:
        if word.startswith(LOCATION):
            locations.append(word)
            continue
        if locations:
            yield Finding(tuple(labels), tuple(locations), sentence)
            labels, locations = [], []
        labels.append(word)
    if labels:
        yield Finding(tuple(labels), tuple(locations), sentence)
