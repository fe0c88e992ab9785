"""Which affirmative phrase a text uses for a finding's absence, and whether it denies a finding beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from nastdata.ontology.model import Alternative, Condition, Ontology

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


def find_alternative(text: str, condition: Condition) -> int | None:
    """Return the number of the condition's affirmative phrase that a text holds, or None.

    Of phrases that hold one another ("clear lungs", "clear lungs throughout"), the longest counts.
    """
    said = _flatten(text)
    return next((i for form, i in _list_forms(condition.affirmative) if form in said), None)


def find_denied_beside(text: str, said: Mapping[str, int], ontology: Ontology) -> tuple[str, str] | None:
    """Return (phrase, present finding that it denies) of an affirmative option, or None.

    Args:
        text: The option's affirmative text.
        said: Condition -> 1 present, 0 absent, of the option.
        ontology: Whose phrases they are.
    """
    present = {c for c, v in said.items() if v == 1}
    for name, value in said.items():
        condition = ontology.condition_by_name.get(name)
        if condition is None:
            continue  # another rule's matter
        number = find_alternative(text, condition) if value == 0 else None
        if number is not None and (denied := ontology.denied_by_phrase[name][number] & present):
            return condition.affirmative[number].text, min(denied)
    return None


def _flatten(text: str) -> str:
    return f" {' '.join(w.lower() for w in _WORD.findall(text))} "


@lru_cache(maxsize=512)
def _list_forms(phrases: tuple[Alternative, ...]) -> tuple[tuple[str, int], ...]:
    forms = {_flatten(form): i for i, a in enumerate(phrases) for form in (*a.also_read, *a.synonyms, a.text)}
    return tuple(sorted(forms.items(), key=lambda x: (-len(x[0]), x)))
