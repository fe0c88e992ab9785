"""How far readers agree: Cohen's and Fleiss' kappa, Krippendorff's alpha, with bootstrap intervals.

Points come from scikit-learn, statsmodels and krippendorff. Intervals resample items as wholes, so that all
that was said of one item moves together.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from nastdata.review.extras import need
from nastdata.review.items import Item
from nastdata.review.questions import VALUES, judge, load_questions
from nastdata.review.store import Answer
from nastdata.statistics import estimate_statistic

DRAWS = 1000
WHOLE = "the item as a whole"
"""Beside the questions: would each reader accept the item?"""
STATES = ("accepted", "rejected", "unsure")
Codes = npt.NDArray[np.int64]
"""(readers, items): index of the answer, -1 where there is none."""
ONE_VALUE = "not defined: all answers are the same"
FEW = "not defined: fewer than two items were answered by both"


def measure_agreement(
    items: Mapping[int, Item],
    answers: Iterable[Answer],
    readers: Sequence[str],
    *,
    seed: int = 0,
    draws: int = DRAWS,
) -> dict[str, Any]:
    """Return question -> how far readers agree on it.

    Each entry has ``about`` (the question in short), ``items`` (answered by two or more), ``agreement``
    (share of pairs of answers that are the same), ``cohen`` (a list, one a pair of readers), ``fleiss`` and
    ``krippendorff``. These three have ``value``, ``low``, ``high`` (95 %), ``items``, and ``note`` where the
    value is not defined (null).

    Args:
        items: number -> item.
        answers: of all people; those who are not among ``readers`` are left out.
        readers: names of the readers, without the adjudicator.
        seed: of the resampling.
        draws: resamples.
    """
    said = {(a.item, a.reviewer): a for a in answers}
    asked = [q for q in load_questions() if any(q in i.questions for i in items.values())]
    out = {}
    for question in (*asked, WHOLE):
        kinds = STATES if question == WHOLE else VALUES
        table = _encode(items, said, readers, question, kinds)
        if table.size and ((table >= 0).sum(axis=0) >= 2).any():
            short = question if question == WHOLE else load_questions()[question].short
            out[question] = {"about": short, **_measure(table, readers, len(kinds), seed, draws)}
    return out


def _encode(
    items: Mapping[int, Item],
    said: Mapping[tuple[int, str], Answer],
    readers: Sequence[str],
    question: str,
    kinds: Sequence[str],
) -> Codes:
    table = np.full((len(readers), len(items)), -1, np.int64)
    for column, item in enumerate(items.values()):
        for row, reader in enumerate(readers):
            answer = said.get((item.n, reader))
            if answer is None:
                continue
            if question == WHOLE:
                table[row, column] = kinds.index(judge(item.questions, answer.values))
            elif question in answer.values:
                table[row, column] = kinds.index(answer.values[question])
    return table


def _measure(table: Codes, readers: Sequence[str], kinds: int, seed: int, draws: int) -> dict[str, Any]:
    counts = np.stack([(table == k).sum(axis=0) for k in range(kinds)], axis=1)
    given = counts.sum(axis=1)
    shared = given >= 2
    same = (counts * (counts - 1)).sum(axis=1)[shared].sum()
    pairs = (given * (given - 1))[shared].sum()
    whole = counts[(table >= 0).all(axis=0)]
    cohen = []
    for first, second in combinations(range(len(readers)), 2):
        both = table[[first, second]][:, (table[[first, second]] >= 0).all(axis=0)]
        if both.shape[1]:
            found = _estimate(both.T, lambda rows: _resample_cohen(rows, kinds), seed, draws)
            if found["value"] is not None:
                found["value"] = find_cohen(both, kinds)
            cohen.append({"readers": [readers[first], readers[second]], **found})
    return {
        "items": int(shared.sum()),
        "agreement": float(same / pairs),
        "cohen": cohen,
        "fleiss": _estimate(whole, find_fleiss, seed, draws),
        "krippendorff": _estimate(counts[shared], find_krippendorff, seed, draws),
    }


def find_cohen(both: Codes, kinds: int) -> float:
    """Return Cohen's kappa of two rows of codes; nan where it is not defined."""
    metrics = need("sklearn.metrics")
    if len(np.unique(both)) < 2:
        return float("nan")
    return float(metrics.cohen_kappa_score(both[0], both[1], labels=range(kinds)))


def _resample_cohen(rows: Codes, kinds: int) -> float:
    """Return the same from (items, 2) codes by statsmodels, which is fifty times as fast."""
    if len(np.unique(rows)) < 2:
        return float("nan")
    table = np.zeros((kinds, kinds))
    np.add.at(table, (rows[:, 0], rows[:, 1]), 1)
    return float(need("statsmodels.stats.inter_rater").cohens_kappa(table, return_results=False))


def find_fleiss(counts: Codes) -> float:
    """Return Fleiss' kappa of a table (items, answers) of counts; nan where it is not defined."""
    if not len(counts) or (counts.sum(axis=0) > 0).sum() < 2:
        return float("nan")
    return float(need("statsmodels.stats.inter_rater").fleiss_kappa(counts))


def find_krippendorff(counts: Codes) -> float:
    """Return Krippendorff's alpha (nominal) of a table (items, answers) of counts; nan if not defined."""
    if not len(counts) or (counts.sum(axis=0) > 0).sum() < 2:
        return float("nan")
    return float(need("krippendorff").alpha(value_counts=counts, level_of_measurement="nominal"))


def _estimate(rows: Codes, statistic: Callable[[Codes], float], seed: int, draws: int) -> dict[str, Any]:
    """Return a statistic with its interval, items resampled."""
    if len(rows) < 2:
        return {"value": None, "low": None, "high": None, "items": len(rows), "note": FEW}
    value = statistic(rows)
    if np.isnan(value):
        return {"value": None, "low": None, "high": None, "items": len(rows), "note": ONE_VALUE}
    names = [str(i) for i in range(len(rows))]
    with warnings.catch_warnings():
        # resamples in which all answers are the same have no kappa, and are left out
        warnings.simplefilter("ignore", RuntimeWarning)
        low, high = estimate_statistic(lambda at: statistic(rows[at]), names, draws, seed)
    return {"value": value, "low": low, "high": high, "items": len(rows), "note": ""}
