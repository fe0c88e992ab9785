"""What the results page shows, from the report and the answers."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from nastdata.errors import UserError
from nastdata.evaluation.generative.asking import Answered
from nastdata.evaluation.page.charts import draw_bars, draw_heat
from nastdata.images.encode import Encoding, encode, shrink
from nastdata.llm.answers.reader import LETTERS
from nastdata.models.dataset_rows import Data
from nastdata.seeded import draw_int
from nastdata.sources import get_source

WRONG = 20
"""Wrong answers shown."""
PIXELS = 256
"""Longest side of a shown image."""
SHORT = 600
"""Characters of a shown answer."""
PAIRS = (
    ("MedNega", "mcq_affirmative", "mcq_negated"),
    ("Claims", "claim[truth=affirmative]", "claim[truth=negated]"),
    ("Recall@1", "recall@1[truth=affirmative]", "recall@1[truth=negated]"),
    ("Two-way choice", "two_way[polarity=affirmative]", "two_way[polarity=negated]"),
    (
        "Is it present, is it absent",
        "presence_yes_no[polarity=affirmative]",
        "presence_yes_no[polarity=negated]",
    ),
    ("Which is present, which is absent", "which_present", "which_absent"),
)
"""(title, affirmative metric, negated metric)."""
CHANCE = {"MedNega": 0.25, "Two-way choice": 0.5}
Report = Mapping[str, Any]


def write_page(
    path: Path, report: Report, answers: Mapping[str, Sequence[Answered]], data: Sequence[Data]
) -> None:
    """Write the page; images of wrong answers are within it."""
    from jinja2 import Environment
    from markupsafe import Markup

    source = files("nastdata.evaluation.page").joinpath("template.html.j2").read_text(encoding="utf-8")
    results = report["results"]
    wrong, total, terms = _show_wrong(answers, data)
    controls = _draw_controls(results)
    page = (
        Environment(autoescape=True, trim_blocks=True)
        .from_string(source)
        .render(
            names=list(results),
            datasets=report["datasets"],
            version=report["nastdata"],
            made=report.get("made", ""),
            notes=report.get("notes", []),
            table=_make_table(results),
            bar_charts=[{**b, "svg": Markup(b["svg"])} for b in _draw_pairs(results)],  # noqa: S704
            heats=[{**h, "svg": Markup(h["svg"])} for h in _draw_heats(results)],  # noqa: S704
            gaps=_explain_gaps(results),
            controls=Markup(controls) if controls else None,  # noqa: S704
            unusable=_list_unusable(report),
            examples=_list_examples(report),
            letters=_list_letters(report),
            compared=_compare(report),
            wrong=wrong,
            wrong_total=f"{total:,}",
            wrong_terms=terms,
        )
    )
    path.write_text(page, encoding="utf-8")


def state(value: Mapping[str, Any] | None) -> str:
    """Return "41.7 [36.0, 47.2]", in per cent."""
    if value is None:
        return ""
    return f"{100 * value['mean']:.1f} [{100 * value['low']:.1f}, {100 * value['high']:.1f}]"


def list_metrics(results: Report) -> list[str]:
    """Return the names of all models' metrics that are no stratum."""
    return list(dict.fromkeys(k for r in results.values() for k in r if "[" not in k))


def _make_table(results: Report) -> list[dict[str, Any]]:
    return [
        {"metric": m, "cells": [state(r.get(m)) for r in results.values()]} for m in list_metrics(results)
    ]


def _draw_pairs(results: Report) -> list[dict[str, str]]:
    out = []
    for title, affirmative, negated in PAIRS:
        rows = []
        for model, r in results.items():
            if affirmative in r and negated in r:
                rows += [(model, "affirmative", r[affirmative]), (model, "negated", r[negated])]
        if rows:
            out.append({"title": title, "svg": draw_bars(rows, CHANCE.get(title))})
    return out


def _draw_heats(results: Report) -> list[dict[str, str]]:
    out = []
    for model, r in results.items():
        for metric, title in (
            ("condition_negated", "negated options"),
            ("condition_affirmative", "affirmative options"),
            ("claim", "claims"),
            ("presence_yes_no", "presence, yes or no"),
        ):
            cells = _read_cells(r, metric)
            if cells:
                rows = sorted({c for c, _ in cells})
                columns = sorted({p for _, p in cells}, reverse=True)
                means = {k: float(v["mean"]) for k, v in cells.items()}
                out.append({"title": f"{model}, {title}", "svg": draw_heat(rows, columns, means)})
    return out


def _read_cells(r: Mapping[str, Any], metric: str) -> dict[tuple[str, str], Any]:
    """Return (condition, state) -> estimate of ``metric[condition_polarity=Edema, absent]``."""
    start = f"{metric}[condition_polarity="
    out = {}
    for key, value in r.items():
        if key.startswith(start):
            condition, _, polarity = key[len(start) : -1].rpartition(", ")
            out[condition, polarity] = value
    return out


def _explain_gaps(results: Report) -> list[dict[str, Any]]:
    out = []
    for model, r in results.items():
        first, second = _read_cells(r, "condition_affirmative"), _read_cells(r, "condition_negated")
        both = sorted(set(first) & set(second), key=lambda k: second[k]["mean"] - first[k]["mean"])
        rows: list[dict[str, str]] = []
        for condition, polarity in both:
            a, n = first[condition, polarity], second[condition, polarity]
            lost = f"{100 * (n['mean'] - a['mean']):+.1f}"
            shown = {"affirmative": state(a), "negated": state(n), "difference": lost}
            rows.append({"condition": condition, "state": polarity, **shown})
        if rows:
            out.append({"title": model, "rows": rows})
    return out


def _draw_controls(results: Report) -> str:
    rows: list[tuple[str, str, Mapping[str, Any]]] = []
    for model, r in results.items():
        for key in r:
            metric, at, control = key.partition("@")
            if at and control in ("text_only", "swapped") and metric in r and "[" not in key:
                if not any(label == f"{model}: {metric}" for label, _, _ in rows):
                    rows.append((f"{model}: {metric}", "with the image", r[metric]))
                name = {"text_only": "no image", "swapped": "another patient's image"}[control]
                if not metric.startswith("unusable_"):
                    rows.append((f"{metric}, {name}", name, r[key]))
    rows = [x for x in rows if "unusable_" not in x[0]]
    return draw_bars(rows) if rows else ""


def _generative(report: Report) -> list[tuple[str, str, Mapping[str, Any]]]:
    """(model, dataset, what was reported of its answers)."""
    return [
        (model, label, found)
        for model, about in report["models"].items()
        for label, found in (about.get("generative") or {}).items()
    ]


def _list_unusable(report: Report) -> list[dict[str, str]]:
    return [
        {
            "model": model,
            "metric": f"{label}: {metric}",
            "share": f"{u['unusable']:,} of {u['answers']:,}",
            "wrong": state(u["all_wrong"]),
            "right": state(u["all_right"]),
            "only": state(u["usable_only"]),
            "reasons": ", ".join(f"{r}: {n:,}" for r, n in u["reasons"].items()),
        }
        for model, label, found in _generative(report)
        for metric, u in found["unusable"].items()
    ]


def _list_examples(report: Report) -> list[dict[str, str]]:
    out: list[dict[str, str]] = []
    seen: set[tuple[str, str]] = set()
    for model, _, found in _generative(report):
        for u in found["unusable"].values():
            for e in u["examples"]:
                if (model, e["reason"]) not in seen:
                    seen.add((model, e["reason"]))
                    out.append({"model": model, "reason": e["reason"], "answer": e["answer"]})
    return out


def _list_letters(report: Report) -> list[dict[str, str]]:
    return [
        {
            "model": model,
            "metric": f"{label}: {metric}",
            "shares": ", ".join(f"{x} {100 * v:.0f} %" for x, v in shares.items()),
        }
        for model, label, found in _generative(report)
        for metric, shares in found["letters"].items()
        if "@" not in metric
    ]


def _compare(report: Report) -> list[dict[str, str]]:
    return [
        {
            "model": model,
            "metric": metric,
            "difference": state(c),
            "p": f"{c['p_clustered']:.4f}" if "p_clustered" in c else "",
            "mcnemar": f"{c['mcnemar']['p']:.4f}" if "mcnemar" in c else "",
        }
        for model, metrics in report.get("compared_with_first", {}).items()
        for metric, c in metrics.items()
        if "@" not in metric
    ]


def _show_wrong(
    answers: Mapping[str, Sequence[Answered]], data: Sequence[Data]
) -> tuple[list[dict[str, Any]], int, str]:
    """Draw wrong answers over all models, with their images."""
    some = [
        (model, a)
        for model, found in answers.items()
        for a in found
        if a.asked.control == "image" and not a.right
    ]
    order = sorted(
        range(len(some)), key=lambda i: draw_int(0, "wrong", some[i][0], some[i][1].asked.question.key, i)
    )
    chosen = [some[i] for i in order[:WRONG]]
    held = sorted({a.asked.question.image[0] for _, a in chosen if not _may_leave(a.asked.question.image[0])})
    terms = f"The page holds images of {', '.join(held)}, whose terms it inherits." if held else ""
    return [_show_answer(model, a, data) for model, a in chosen], len(some), terms


def _show_answer(model: str, a: Answered, data: Sequence[Data]) -> dict[str, Any]:
    q = a.asked.question
    kinds = {q.answer: "true", **({a.chosen: "chosen"} if a.chosen is not None else {})}
    options = [
        {"letter": x, "text": q.options[i], "kind": kinds.get(i, "")}
        for x, i in zip(LETTERS, a.asked.order, strict=False)
    ]
    return {
        "model": model,
        "metric": q.metric,
        "key": q.key,
        "question": q.question,
        "options": options,
        "answer": a.text[:SHORT],
        "image": _embed(q.image, data),
    }


def _embed(key: tuple[str, str], data: Sequence[Data]) -> str | None:
    """Return a small version of an image as a data URL, or None if no dataset has it."""
    for d in data:
        try:
            pixels = np.asarray(d.store.load(key))
        except UserError:
            continue
        small = encode(shrink(pixels, PIXELS), Encoding())
        return "data:image/png;base64," + base64.b64encode(small).decode()
    return None


def _may_leave(source: str) -> bool:
    try:
        return bool(get_source(source).terms.may_leave_machine)
    except UserError:
        return False
