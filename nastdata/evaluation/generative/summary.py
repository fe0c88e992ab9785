"""From answers to figures: by wording, polarity, condition and group; what could not be used; letters."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nastdata.evaluation.generative.asking import Answered
from nastdata.evaluation.generative.questions import Control, VisionQuestion
from nastdata.evaluation.outcomes import Outcome
from nastdata.llm.answers.reader import LETTERS
from nastdata.statistics import estimate_mean

EXAMPLES = 5
"""Unusable answers shown for each reason."""
SHOWN = 300
"""Characters of an answer in the report; the answers file has all of it."""
LABEL_NAMES = {1: "present", 0: "absent"}


def make_outcomes(answers: Sequence[Answered]) -> list[Outcome]:
    """Return one outcome a metric and control; an unusable answer counts as wrong.

    ``mcq_negated``, ``claim``, ...: right, averaged over the orders of options. ``unusable_*``: share.
    ``condition_*``: each condition of a MedNega item apart: does the chosen option say of it what is true.
    ``whole_group_*``: all questions of a group right. ``same_choice_*``: the same option in all orders.
    """
    out: list[Outcome] = []
    for (metric, control), some in _split(answers).items():
        name = metric if control == "image" else f"{metric}@{control}"
        questions = list(some)
        values = {k: [float(a.right) for a in found] for k, found in some.items()}
        patients, ids = [q.patient for q in questions], [q.key for q in questions]
        strata = _list_strata(questions)
        right = np.array([np.mean(values[q]) for q in questions])
        out.append(Outcome(name, right, patients, ids, strata))
        unusable = np.array([np.mean([a.chosen is None for a in some[q]]) for q in questions])
        out.append(Outcome(f"unusable_{name}", unusable, patients, ids, {}))
        if control != "image":
            continue
        out += _judge_conditions(metric, some)
        out += _judge_groups(metric, some)
        if len(next(iter(some.values()))) > 1:
            same = np.array([float(len({a.chosen for a in some[q]}) == 1) for q in questions])
            out.append(Outcome(f"same_choice_{metric}", same, patients, ids, {}))
    return out


def _list_strata(questions: Sequence[VisionQuestion]) -> dict[str, list[str]]:
    names = sorted({n for q in questions for n in q.strata})
    return {n: [q.strata.get(n, "-") for q in questions] for n in names}


def _judge_conditions(metric: str, some: Mapping[VisionQuestion, Sequence[Answered]]) -> list[Outcome]:
    values, patients, ids = [], [], []
    conditions, polarity, both = [], [], []
    for q, found in some.items():
        for c, condition in enumerate(q.conditions):
            truth = q.labels[q.answer][c]
            said = [None if a.chosen is None else q.labels[a.chosen][c] for a in found]
            values.append(float(np.mean([s == truth for s in said])))
            patients.append(q.patient)
            ids.append(f"{q.key}/{condition}")
            conditions.append(condition)
            polarity.append(LABEL_NAMES[truth])
            both.append(f"{condition}, {LABEL_NAMES[truth]}")
    if not values:
        return []
    strata = {"condition": conditions, "polarity": polarity, "condition_polarity": both}
    name = "condition_" + metric.removeprefix("mcq_")
    return [Outcome(name, np.array(values), patients, ids, strata)]


def _judge_groups(metric: str, some: Mapping[VisionQuestion, Sequence[Answered]]) -> list[Outcome]:
    """Whole groups: as many questions as options, each option true once."""
    members: dict[str, list[VisionQuestion]] = {}
    for q in some:
        if q.group is not None:
            members.setdefault(q.group, []).append(q)
    whole = {
        g: qs
        for g, qs in sorted(members.items())
        if len(qs) > 1 and sorted(q.options[q.answer] for q in qs) == sorted(set(qs[0].options))
    }
    if not whole:
        return []
    values = np.array([float(all(a.right for q in qs for a in some[q])) for qs in whole.values()])
    groups = list(whole)
    return [Outcome(f"whole_group_{metric.removeprefix('mcq_')}", values, groups, groups, {})]


def report_unusable(answers: Sequence[Answered], bootstrap: int, seed: int) -> dict[str, Any]:
    """Return, for each metric, how many answers are unusable, why, examples, and the accuracy's extremes.

    ``all_wrong`` and ``all_right`` count every unusable answer so; what a perfect reader would find
    lies between the lower bound of the first and the upper bound of the second. ``usable_only`` leaves them
    out.
    """
    out: dict[str, Any] = {}
    for (metric, control), some in _split(answers).items():
        name = metric if control == "image" else f"{metric}@{control}"
        flat = [a for found in some.values() for a in found]
        usable = np.array([a.chosen is not None for a in flat])
        right = np.array([a.right for a in flat])
        patients = [a.asked.question.patient for a in flat]
        entry: dict[str, Any] = {"answers": len(flat), "unusable": int((~usable).sum())}
        entry["all_wrong"] = estimate_mean(right.astype(float), patients, bootstrap, seed)
        entry["all_right"] = estimate_mean((right | ~usable).astype(float), patients, bootstrap, seed)
        kept = [p for p, u in zip(patients, usable, strict=True) if u]
        entry["usable_only"] = (
            estimate_mean(right[usable].astype(float), kept, bootstrap, seed) if usable.any() else None
        )
        reasons = Counter(a.reading.reason for a in flat if a.chosen is None)
        entry["reasons"] = dict(reasons.most_common())
        entry["examples"] = [
            {"reason": reason, "key": a.asked.question.key, "answer": a.text[:SHOWN]}
            for reason in entry["reasons"]
            for a in [a for a in flat if a.chosen is None and a.reading.reason == reason][:EXAMPLES]
        ]
        out[name] = entry
    return out


def report_letters(answers: Sequence[Answered]) -> dict[str, dict[str, float]]:
    """Return, for each metric, the share of each letter among all answers, as shown to the model.

    A model that always says B has the accuracy of an honest guesser; here it is seen.
    """
    out: dict[str, dict[str, float]] = {}
    for (metric, control), some in _split(answers).items():
        name = metric if control == "image" else f"{metric}@{control}"
        flat = [a for found in some.values() for a in found]
        letters = Counter(a.reading.letter or "unusable" for a in flat)
        most = max(len(a.asked.options) for a in flat)
        shares = {x: letters.get(x, 0) / len(flat) for x in (*LETTERS[:most], "unusable")}
        out[name] = {x: round(v, 6) for x, v in shares.items()}
    return out


def write_answers(path: Path, answers: Iterable[Answered]) -> int:
    """Write every answer with its question, one JSON object a line; return how many."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = 0
    with path.open("w", encoding="utf-8") as file:
        for a in answers:
            q = a.asked.question
            row = {
                "key": q.key,
                "metric": q.metric,
                "control": a.asked.control,
                "group": q.group,
                "patient": q.patient,
                "image": list(a.asked.image) if a.asked.image else None,
                **({"second_image": list(a.asked.second)} if a.asked.second else {}),
                "prompt": a.asked.prompt,
                "order": list(a.asked.order),
                "answer": a.text,
                "read": a.reading.letter,
                "how": a.reading.reason,
                "chosen": a.chosen,
                "true": q.answer,
                "right": a.right,
            }
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            rows += 1
    return rows


def _split(
    answers: Sequence[Answered],
) -> dict[tuple[str, Control], dict[VisionQuestion, list[Answered]]]:
    """Metric and control -> question -> its answers, one an order."""
    out: dict[tuple[str, Control], dict[int, list[Answered]]] = {}
    for a in answers:
        cell = out.setdefault((a.asked.question.metric, a.asked.control), {})
        cell.setdefault(id(a.asked.question), []).append(a)
    return {k: {found[0].asked.question: found for found in v.values()} for k, v in out.items()}
