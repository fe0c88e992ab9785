"""What a notebook shows of a dataset and of an evaluation: small tables without scripts or outside files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

SPLITS = ("train", "validation", "test")
BAR = (
    "display:inline-block;height:.7em;border-radius:2px;background:{colour};width:{width:.1f}px;"
    "vertical-align:middle;margin-right:.5em"
)
COLOURS = {"affirmative": "#2a6fc9", "negated": "#d9722e"}
"""Of the bars; they are told apart by their labels too."""


def show_dataset(
    path: str,
    counts: Mapping[str, Mapping[str, int]],
    summary: str,
    first: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    temporary: bool,
) -> str:
    """Return a dataset's counts, verdict and first rows.

    Args:
        path: Its folder.
        counts: Config -> split -> rows.
        summary: Two lines on its fitness.
        first: Config -> its first row, in a list.
        temporary: Whether the folder goes away with the object.
    """
    from nastdata.report.terminal import show_row

    verdict, limits = summary.split("\n", 1)
    head = ("config", *SPLITS, "rows")
    rows = [
        (config, *(f"{n.get(s, 0):,}" for s in SPLITS), f"{sum(n.values()):,}")
        for config, n in counts.items()
    ]
    parts = [f"<p><b>nastdata dataset</b> <code>{escape(path)}</code>"]
    if temporary:
        parts.append(" (temporary: keep it with <code>.save(FOLDER)</code>)")
    parts.append("</p>")
    parts.append(_table(head, rows))
    parts.append(f"<p>{escape(verdict)}<br><small>{escape(limits)}</small></p>")
    for config, some in first.items():
        if some:
            text = escape(show_row(config, some[0]))
            parts.append(
                f"<details><summary>first row of {escape(config)}</summary><pre>{text}</pre></details>"
            )
    return f'<div class="nastdata">{"".join(parts)}</div>'


def show_evaluation(report: Mapping[str, Any]) -> str:
    """Return an evaluation's main figures: a table, and a bar for each kind of option."""
    from nastdata.evaluation.page.page import PAIRS

    results = report["results"]
    names = [k for k in next(iter(results.values()), {}) if "[" not in k]
    rows = [(model, *(_say(r.get(k)) for k in names)) for model, r in results.items()]
    sets = ", ".join(f"{d['label']} ({d['split']})" for d in report["datasets"])
    parts = [f"<p><b>nastdata evaluation</b> of {escape(sets)}; percentages with 95 % intervals</p>"]
    parts.append(_table(("model", *names), rows))
    for title, affirmative, negated in PAIRS:
        bars = [
            (model, kind, r[key])
            for model, r in results.items()
            for kind, key in (("affirmative", affirmative), ("negated", negated))
            if key in r
        ]
        if bars:
            parts.append(f"<p>{escape(title)}</p>")
            parts.append(_table(("model", "texts", "share right"), [_bar(*b) for b in bars], raw=True))
    for note in report.get("notes", []):
        parts.append(f"<p><small>{escape(note)}</small></p>")
    return f'<div class="nastdata">{"".join(parts)}</div>'


def _bar(model: str, kind: str, value: Mapping[str, float]) -> tuple[str, str, str]:
    style = BAR.format(colour=COLOURS[kind], width=160 * min(max(value["mean"], 0.0), 1.0))
    return escape(model), kind, f'<span style="{style}"></span>{_say(value)}'


def _say(value: Mapping[str, float] | None) -> str:
    if value is None:
        return ""
    return f"{100 * value['mean']:.1f} [{100 * value['low']:.1f}, {100 * value['high']:.1f}]"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, raw: bool = False) -> str:
    """Return a table; cells are escaped unless they are HTML already."""
    show = str if raw else escape
    top = "".join(f'<th style="text-align:left">{escape(h)}</th>' for h in head)
    body = "".join(
        "<tr>" + "".join(f'<td style="text-align:left">{show(cell)}</td>' for cell in row) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
