"""From a corpus's label names to the ontology's conditions, by the tables in ``sources/maps``.

Columns: ``label``, ``condition``, ``strength`` (exact, broad, implied, none), ``absence`` (yes where
"this label was looked for and not given" means that the condition is absent), ``note``.
"""

from __future__ import annotations

from collections.abc import Iterable

from nastdata.ontology import Ontology
from nastdata.sources.places import read_map

STRENGTHS = ("exact", "broad", "implied")


def fold(label: str) -> str:
    """Return a label as it is compared: lower case, single blanks, no underscores.

    Example:
        >>> fold(" Pleural_Thickening ")
        'pleural thickening'
    """
    return " ".join(label.replace("_", " ").lower().split())


class LabelMap:
    """What the labels of one corpus mean in one ontology.

    A label that bears the very name of a condition means it, whether or not the table knows it, so that an
    ontology with more conditions than ours gets more out of a corpus.

    Args:
        name: Of the table.
        ontology: Whose conditions are wanted.
        strength: How close a label must be to a condition to state it.
    """

    def __init__(self, name: str, ontology: Ontology, strength: tuple[str, ...] = ("exact",)) -> None:
        own = {fold(c.name): c.name for c in ontology.conditions}
        self._stated: dict[str, list[str]] = {}
        self._touched: dict[str, list[str]] = {}
        self._known: set[str] = set()
        self._deniers: dict[str, list[str]] = {}
        for row in read_map(name):
            label, condition = fold(row["label"]), row["condition"]
            self._known.add(label)
            if label in own or condition not in ontology.condition_by_name:
                continue
            if row["strength"] in strength:
                self._stated.setdefault(label, []).append(condition)
            if row["strength"] in STRENGTHS:
                self._touched.setdefault(label, []).append(condition)
            if row["absence"] == "yes":
                self._deniers.setdefault(condition, []).append(label)
        self._own = own

    def find_stated(self, label: str) -> list[str]:
        """Return the conditions that a label states."""
        name = fold(label)
        return [self._own[name]] if name in self._own else self._stated.get(name, [])

    def find_touched(self, label: str) -> list[str]:
        """Return the conditions that a label has to do with, however loosely: they are not absent."""
        name = fold(label)
        return [self._own[name]] if name in self._own else self._touched.get(name, [])

    def find_deniable(self, looked_for: Iterable[str]) -> list[str]:
        """Return the conditions that are absent if none of the labels that were looked for was given."""
        labels = {fold(label) for label in looked_for}
        found = {self._own[label] for label in labels if label in self._own}
        found |= {c for c, deniers in self._deniers.items() if set(deniers) <= labels}
        return [c for c in self._own.values() if c in found]

    def list_labels(self) -> list[str]:
        """Return the labels of the table, as they are compared."""
        return sorted(self._known)

    def knows(self, label: str) -> bool:
        """Whether the table or the ontology has this label at all."""
        return fold(label) in self._known or fold(label) in self._own
