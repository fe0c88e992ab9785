"""Charts as SVG text: bars with intervals, heat maps, shares. Every label is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

COLOURS = ("#1d4ed8", "#b91c1c", "#15803d", "#a16207", "#7e22ce", "#0e7490", "#be185d", "#4d7c0f")
INK, SOFT = "#1f2937", "#e5e7eb"
WIDTH = 720
LABEL = 250
ROW = 22


def draw_bars(rows: Sequence[tuple[str, str, Mapping[str, Any]]], chance: float | None = None) -> str:
    """Return horizontal bars with intervals.

    Args:
        rows: (label, series, {mean, low, high}); values from 0 to 1. A series has one colour.
        chance: where to draw the line of guessing.
    """
    series = list(dict.fromkeys(s for _, s, _ in rows))
    height = ROW * len(rows) + 46
    scale = (WIDTH - LABEL - 70) / 1.0
    parts = [_open(height)]
    for tick in range(0, 101, 25):
        x = LABEL + scale * tick / 100
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height - 40}" stroke="{SOFT}"/>')
        parts.append(_text(x, height - 26, f"{tick} %", anchor="middle", size=11))
    for i, (label, name, v) in enumerate(rows):
        y, colour = ROW * i + 4, COLOURS[series.index(name) % len(COLOURS)]
        mean, low, high = (min(max(float(v[k]), 0.0), 1.0) for k in ("mean", "low", "high"))
        parts.append(_text(LABEL - 8, y + 12, label, anchor="end"))
        parts.append(
            f'<rect x="{LABEL}" y="{y}" width="{scale * mean:.1f}" height="14" fill="{colour}" opacity=".85">'
            f"<title>{escape(label)}: {100 * mean:.1f} % [{100 * low:.1f}, {100 * high:.1f}]</title></rect>"
        )
        a, b = LABEL + scale * low, LABEL + scale * high
        parts.append(f'<path d="M{a:.1f} {y + 7}H{b:.1f}" stroke="{INK}" stroke-width="1.5"/>')
        parts.append(_text(b + 5, y + 12, f"{100 * mean:.1f}", size=11))
    if chance is not None:
        x = LABEL + scale * chance
        parts.append(f'<path d="M{x:.1f} 0V{height - 40}" stroke="{INK}" stroke-dasharray="4 3">')
        parts.append("<title>chance</title></path>")
    for i, name in enumerate(series):
        x = LABEL + 150 * i
        parts.append(f'<rect x="{x}" y="{height - 12}" width="10" height="10" fill="{COLOURS[i % 8]}"/>')
        parts.append(_text(x + 14, height - 3, name, size=11))
    return "".join(parts) + "</svg>"


def draw_heat(rows: Sequence[str], columns: Sequence[str], values: Mapping[tuple[str, str], float]) -> str:
    """Return a heat map of shares from 0 (red) to 1 (blue); cells without a value stay empty."""
    cell = max(40, min(110, (WIDTH - LABEL) // max(len(columns), 1)))
    height = ROW * len(rows) + 28
    parts = [_open(height)]
    for j, column in enumerate(columns):
        parts.append(_text(LABEL + cell * (j + 0.5), 14, column, anchor="middle", size=11))
    for i, row in enumerate(rows):
        y = 22 + ROW * i
        parts.append(_text(LABEL - 8, y + 15, row, anchor="end"))
        for j, column in enumerate(columns):
            value = values.get((row, column))
            if value is None:
                continue
            told = escape(f"{row}, {column}: {100 * value:.1f} %")
            place = f'x="{LABEL + cell * j}" y="{y}" width="{cell - 2}" height="{ROW - 2}"'
            parts.append(f'<rect {place} fill="{_shade(value)}"><title>{told}</title></rect>')
            x = LABEL + cell * (j + 0.5)
            parts.append(_text(x, y + 15, f"{100 * value:.0f}", anchor="middle", size=11))
    return "".join(parts) + "</svg>"


def _shade(value: float) -> str:
    """Red over white to blue; light enough for dark text."""
    v = min(max(value, 0.0), 1.0)
    if v < 0.5:
        mix = v / 0.5
        return f"rgb(248,{round(160 + 88 * mix)},{round(150 + 98 * mix)})"
    mix = (v - 0.5) / 0.5
    return f"rgb({round(248 - 108 * mix)},{round(248 - 58 * mix)},248)"


def _open(height: float) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'style="max-width:{WIDTH}px;width:100%" font-family="system-ui,sans-serif">'
    )


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 12) -> str:
    short = text if len(text) <= 42 else text[:39] + "..."
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{INK}" text-anchor="{anchor}">'
        f"{escape(short)}</text>"
    )
