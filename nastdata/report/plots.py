"""Plots as inline SVG; colours come from the page's style sheet, so that they follow light and dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

WIDTH, ROW, LABEL, RIGHT = 360, 20, 124, 46
"""In units of about a pixel on a phone."""
MARGIN = 0.02
"""Above chance that a solver may be where no threshold is set."""


def draw_pairs(totals: Mapping[str, tuple[int, int]], labels: tuple[str, str]) -> Markup:
    """Draw one bar a name, cut into two polarities; numbers at its end."""
    rows = sorted(totals.items(), key=lambda kv: (-sum(kv[1]), kv[0]))
    top = max((sum(pair) for _, pair in rows), default=0) or 1
    scale = (WIDTH - LABEL - RIGHT) / top
    parts = []
    for i, (name, (first, second)) in enumerate(rows):
        y = i * ROW
        a, b = first * scale, second * scale
        title = f"{name}: {first:,} {labels[0]}, {second:,} {labels[1]}"
        parts.append(
            Markup(
                '<g><title>{}</title><text class="name" x="{}" y="{}">{}</text>'
                '<rect class="one" x="{}" y="{}" width="{:.1f}" height="12"/>'
                '<rect class="two" x="{:.1f}" y="{}" width="{:.1f}" height="12"/>'
                '<text class="number" x="{:.1f}" y="{}">{}</text></g>'
            ).format(
                *(title, LABEL - 6, y + 14, _shorten(name)),
                *(LABEL, y + 4, a),
                *(LABEL + a + (1 if a and b else 0), y + 4, max(b - 1, 0) if a and b else b),
                *(LABEL + a + b + 4, y + 14, _compact(first + second)),
            )
        )
    what = f"{labels[0]} and {labels[1]} by name"
    return _frame(len(rows) * ROW + 4, what, parts)


def draw_solvers(solvers: Sequence[Mapping[str, Any]], threshold: float | None) -> Markup:
    """Draw blind accuracies as bars with intervals, from 0 to 100 %, beside the line of chance.

    A bar above ``threshold`` (or chance and a margin, without one) has another colour.
    """
    left, right = LABEL + 26, WIDTH - RIGHT
    names = [str(s["name"]) for s in solvers]
    scale = right - left
    parts = []
    for tick in (0, 25, 50, 75, 100):
        x = left + scale * tick / 100
        parts.append(
            Markup(
                '<line class="grid" x1="{0:.1f}" x2="{0:.1f}" y1="14" y2="{1}"/>'
                '<text class="tick" x="{0:.1f}" y="9">{2}</text>'
            ).format(x, 18 + len(solvers) * ROW, f"{tick} %" if tick == 100 else tick)
        )
    for i, s in enumerate(solvers):
        y = 18 + i * ROW
        limit = s["chance"] + MARGIN if threshold is None else threshold
        over = s["accuracy"] > limit and s.get("above_chance", True)
        value, low, high, chance = (left + scale * s[k] for k in ("accuracy", "low", "high", "chance"))
        label = names[i] if names.count(names[i]) == 1 else f"{names[i]}, {s.get('reads')}"
        title = (
            f"{label}: {100 * s['accuracy']:.1f} % "
            f"[{100 * s['low']:.1f}, {100 * s['high']:.1f}], chance {100 * s['chance']:.1f} %, n = {s['n']:,}"
        )
        parts.append(
            Markup(
                '<g><title>{}</title><text class="name" x="{}" y="{}">{}</text>'
                '<rect class="{}" x="{}" y="{}" width="{:.1f}" height="10"/>'
                '<path class="whisker" d="M{:.1f} {}H{:.1f}M{:.1f} {}v6M{:.1f} {}v6"/>'
                '<line class="chance" x1="{:.1f}" x2="{:.1f}" y1="{}" y2="{}"/>'
                '<text class="number" x="{}" y="{}">{:.1f}</text></g>'
            ).format(
                *(title, left - 6, y + 14, _shorten(label, 23)),
                *("over" if over else "one", left, y + 5, max(value - left, 0)),
                *(low, y + 10, high, low, y + 7, high, y + 7),
                *(chance, chance, y, y + ROW),
                *(right + 8, y + 14, 100 * s["accuracy"]),
            )
        )
    return _frame(22 + len(solvers) * ROW, "blind accuracies with intervals, and chance", parts)


def _frame(height: int, what: str, parts: Sequence[Markup]) -> Markup:
    svg = Markup('<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>')
    return svg.format(WIDTH, height, what, Markup("").join(parts))


def _shorten(name: str, longest: int = 17) -> str:
    return name if len(name) <= longest else name[: longest - 1].rstrip() + "\u2026"


def _compact(n: int) -> str:
    if n < 10_000:
        return f"{n:,}"
    return f"{n / 1000:.0f}k" if n < 1_000_000 else f"{n / 1_000_000:.2f}M"
