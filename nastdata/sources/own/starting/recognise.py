"""Which columns look like labels, and which words like names of findings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import polars as pl
import yaml

from nastdata.sources.own.layouts.lists import split_cell
from nastdata.sources.own.words import Meanings, NameMatcher, simplify

MOST_WORDS = 12
"""Distinct words of a column that still looks like labels."""
LIST_SEPARATORS = ("|", ";", "list", ",", "/", "+", "\t")


@lru_cache(maxsize=1)
def read_roles() -> dict[str, Any]:
    """Return the names of columns that ship with the package (``roles.yaml``)."""
    text = files("nastdata.sources.own.starting").joinpath("roles.yaml").read_text(encoding="utf-8")
    data: dict[str, Any] = yaml.safe_load(text)
    return data


@dataclass(frozen=True)
class Named:
    """A column or word with the condition that its name means, and those that it may mean."""

    name: str
    condition: str | None
    near: tuple[str, ...] = ()
    nothing_found: bool = False
    count: int = 0
    place: str | None = None
    """Side that the name says: "PleuralEffusion_Right"."""


def look_at_column(
    frame: pl.DataFrame, column: str, matcher: NameMatcher, meanings: Meanings
) -> Named | None:
    """Return a column that looks like labels of one finding, by its words or by its name."""
    counts = count_words(frame, column)
    condition, place = _find_sided(column, matcher)
    nothing = is_nothing(column)
    if not counts or len(counts) > MOST_WORDS:
        return None
    known = sum(n for w, n in counts.items() if meanings.find(w) is not None)
    definite = any(meanings.find(w) in ("present", "absent") for w in counts)
    if known < 0.4 * sum(counts.values()) and not (condition or nothing):
        return None
    if not definite and not condition and not nothing:
        return None
    near = () if condition or nothing else tuple(matcher.list_near(column))
    return Named(column, condition, near, nothing, known, place)


def _find_sided(name: str, matcher: NameMatcher) -> tuple[str | None, str | None]:
    """Return the condition that a name means, and the side if it says one."""
    condition = matcher.find(name)
    if condition:
        return condition, None
    words = simplify(name).split()
    sides = [w for w in words if w in ("left", "right", "bilateral")]
    rest = " ".join(w for w in words if w not in sides)
    return (matcher.find(rest), sides[0]) if len(sides) == 1 and rest else (None, None)


def count_words(frame: pl.DataFrame, column: str) -> dict[str, int]:
    """Return the commonest words of a column with their rows."""
    return dict(frame[column].drop_nulls().value_counts(sort=True).head(200).iter_rows())


def is_nothing(name: str) -> bool:
    """Whether a name says that nothing was found."""
    folded = {simplify(w) for w in read_roles()["nothing_found"]}
    return simplify(name) in folded


Lists = tuple[str, str | None, list[Named]]
"""Column, separator (None: one word a cell), its words."""


def find_list(frame: pl.DataFrame, columns: list[str], matcher: NameMatcher) -> Any:
    """Return the column whose words are most often names of findings, or None."""
    best: tuple[float, Any] = (0.0, None)
    for column in columns:
        cells = frame[column].drop_nulls().value_counts(sort=True)
        if cells.is_empty() or float(cells[column].str.len_chars().mean() or 0) > 300:  # type: ignore[arg-type]
            continue
        for separator in (None, *LIST_SEPARATORS):
            words: Counter[str] = Counter()
            named = total = 0
            for cell, n in cells.iter_rows():
                inside = (split_cell(cell, separator) or ()) if separator else (cell,)
                total += n
                named += n * any(matcher.find(w) or is_nothing(w) for w in inside)
                for word in inside:
                    words[word] += n
            if not words or len(words) > 400:
                continue
            known = sum(n for w, n in words.items() if matcher.find(w) or is_nothing(w))
            distinct = sum(1 for w in words if matcher.find(w))
            if not distinct:
                continue
            bonus = 0.1 * (simplify(column) in {simplify(x) for x in read_roles()["finding"]})
            share = 0.3 * known / sum(words.values()) + 0.7 * named / total
            score = share + bonus + 0.001 * distinct - 0.02 * (separator is not None)
            if score > best[0] + 1e-9 and known / sum(words.values()) > 0.2:
                best = score, (column, separator, name_words(words, matcher))
    return best[1]


def name_words(words: Counter[str], matcher: NameMatcher) -> list[Named]:
    """Return words, the commonest first, each with the condition that it means or may mean."""
    out = []
    for word, n in words.most_common():
        condition, nothing = matcher.find(word), is_nothing(word)
        near = () if condition or nothing else tuple(matcher.list_near(word))
        out.append(Named(word, None if nothing else condition, near, nothing, n))
    return out
