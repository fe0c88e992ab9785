"""Figures of nastdata's questions from rows of (right or wrong); only the standard library.

A row is a dict with ``score`` (1 right, 0 wrong), ``wording``, ``item_id``, ``group_id``, ``group_size``,
``patient_id`` and ``unusable`` (1 if no option could be read from the answer).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

Row = Mapping[str, Any]


def accuracy(rows: Iterable[Row]) -> float:
    """Return the share of right answers; unusable ones count as wrong."""
    values = [float(r["score"]) for r in rows]
    return sum(values) / len(values) if values else math.nan


def unusable(rows: Iterable[Row]) -> float:
    """Return the share of answers from which no option could be read."""
    values = [float(r["unusable"]) for r in rows]
    return sum(values) / len(values) if values else math.nan


def gap(rows: Iterable[Row]) -> float:
    """Return accuracy with affirmative options minus with negated ones, over items asked in both wordings."""
    seen: dict[str, dict[str, float]] = defaultdict(dict)
    for r in rows:
        seen[r["item_id"]][r["wording"]] = float(r["score"])
    both = [v["affirmative"] - v["negated"] for v in seen.values() if {"affirmative", "negated"} <= set(v)]
    return sum(both) / len(both) if both else math.nan


def whole_groups(rows: Iterable[Row]) -> float:
    """Return the share of whole groups with every answer right; groups that were cut off don't count.

    The questions of a group share their options, and each has another true one: a model that ignores the
    image gets none of them whole.
    """
    seen: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    sizes: dict[tuple[str, str], int] = {}
    for r in rows:
        key = (r["group_id"], r["wording"])
        seen[key][r["item_id"]] = float(r["score"])
        sizes[key] = int(r["group_size"])
    whole = [min(v.values()) for k, v in seen.items() if len(v) == sizes[k] > 1]
    return sum(whole) / len(whole) if whole else math.nan


def clustered_stderr(rows: Iterable[Row]) -> float:
    """Return the standard error of the accuracy, patients taken as wholes."""
    rows = list(rows)
    if len(rows) < 2:
        return math.nan
    mean = accuracy(rows)
    sums: dict[str, float] = defaultdict(float)
    for r in rows:
        sums[r["patient_id"]] += float(r["score"]) - mean
    clusters = len(sums)
    if clusters < 2:
        return math.nan
    return math.sqrt(clusters / (clusters - 1) * sum(v * v for v in sums.values())) / len(rows)


def list_letters(n: int) -> str:
    """Return "A, B, C or D"."""
    return ", ".join("ABCDEFG"[: n - 1]) + f" or {'ABCDEFG'[n - 1]}"


def word_question(question: str, options: Iterable[str]) -> str:
    """Return the prompt that nastdata's own evaluation uses."""
    options = list(options)
    lines = "\n".join(f"{x}. {text}" for x, text in zip("ABCDEFG", options, strict=False))
    return f"{question}\n{lines}\nAnswer with one letter: {list_letters(len(options))}."
