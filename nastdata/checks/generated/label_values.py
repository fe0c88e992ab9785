"""What the cells of other people's label tables mean."""

from __future__ import annotations

import math
import re
from typing import Any, Literal

from nastdata.checks.generated.columns import squash
from nastdata.errors import UserError, name_nearest
from nastdata.ontology import Ontology

State = Literal["present", "absent", "uncertain"]
STATES: dict[str, State] = {
    **dict.fromkeys(("1", "1.0", "present", "positive", "pos", "true", "yes", "y", "t", "+"), "present"),
    **dict.fromkeys(("0", "0.0", "absent", "negative", "neg", "false", "no", "n", "f"), "absent"),
    **dict.fromkeys(
        ("-1", "-1.0", "uncertain", "possible", "maybe", "u", "equivocal", "unsure", "probable"), "uncertain"
    ),
}
"""What a cell may hold, in any case."""
BLANK = frozenset(
    ("", "nan", "none", "null", "na", "n/a", "<na>", "not mentioned", "blank", "unmentioned", "-")
)
"""Ways to leave a cell empty: nothing is said about the condition."""
NO_FINDING = frozenset(("nofinding", "nofindings", "normal", "noacutefinding"))
CHEXBERT = frozenset(("2", "2.0", "3", "3.0"))
OTHER_NAMES = {
    "effusion": "Pleural Effusion",
    "infiltration": "Lung Opacity",
    "airspaceopacity": "Lung Opacity",
    "nodule": "Lung Lesion",
    "mass": "Lung Lesion",
    "noduleormass": "Lung Lesion",
    "nodulemass": "Lung Lesion",
    "pleuralthickening": "Pleural Other",
    "enlargedcardiomediastinum": "Enlarged Cardiomediastinum",
    "oedema": "Edema",
}
"""Column names of published label tables that are no name in the ontology; used if their condition is."""
_AROUND = re.compile(
    r"^(label|labels|gt|true|truth|target|chexpert|chexbert|negbio|y|ref|reference|has|is)[\s_.\-/:]+"
    r"|[\s_.\-/:]+(label|labels|gt|true|truth|target|chexpert|chexbert|negbio|ann|value|present)$",
    re.IGNORECASE,
)


def read_state(value: Any) -> State | Literal["?"] | None:
    """Return what a cell says, None if it is empty, "?" if it is something else."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "present" if value else "absent"
    if isinstance(value, float) and math.isnan(value):
        return None
    word = str(value).strip().lower()
    if word in BLANK:
        return None
    return STATES.get(word, "?")


def reject_state(value: Any, where: str, column: str) -> UserError:
    """Return the error of a cell that is no label."""
    how = "labels are 1, 0, -1 or blank (or present, absent, uncertain, yes, no)"
    if str(value).strip() in CHEXBERT:
        how = "CheXbert's class numbers? Write 1 for 1 (positive), 0 for 2, -1 for 3 and nothing for 0"
    shown = str(value)[:60]
    return UserError(f"'{shown}' is not a label", where=f"{where}, column '{column}'", how=how)


class Names:
    """Finds the conditions, places and grades that a user's words mean.

    Args:
        ontology: whose names count; synonyms and the names of published label tables are known too.
    """

    def __init__(self, ontology: Ontology) -> None:
        self.ontology = ontology
        self.conditions: dict[str, str] = {}
        for c in ontology.conditions:
            for word in (c.name, c.text, *c.synonyms):
                self.conditions.setdefault(squash(word), c.name)
        for word, name in OTHER_NAMES.items():
            if name in ontology.condition_by_name:
                self.conditions.setdefault(word, name)
        self.places: dict[str, str] = {}
        for p in ontology.places:
            for word in (p.name, p.phrase, p.adjective or p.name, *p.synonyms):
                self.places.setdefault(squash(word), p.name)
        self._grades = {s.name: s for s in ontology.scales}

    def condition(self, word: str) -> str | None:
        """Return the condition that a word or a column name means, or None."""
        found = self.conditions.get(squash(word))
        if found is None:
            stripped = _AROUND.sub("", word.strip())
            found = self.conditions.get(squash(stripped)) if stripped != word.strip() else None
        return found

    def is_no_finding(self, word: str) -> bool:
        """Whether a word or column name means that nothing is found."""
        return squash(word) in NO_FINDING or squash(_AROUND.sub("", word.strip())) in NO_FINDING

    def place(self, word: str) -> str | None:
        """Return the place that a word means, or None."""
        return self.places.get(squash(word))

    def grade(self, condition: str, word: str) -> str | None:
        """Return the condition's grade that a word means, or None."""
        scale = self._grades.get(self.ontology.condition_by_name[condition].scale or "")
        if scale is None:
            return None
        key = squash(word)
        for grade in scale.grades:
            if key in (squash(grade), *map(squash, scale.synonyms.get(grade, ()))):
                return grade
        return None

    def nearest(self, word: str) -> str:
        """Return "did you mean ..." for an unknown condition, or the conditions."""
        return name_nearest(word, self.ontology.condition_by_name)
