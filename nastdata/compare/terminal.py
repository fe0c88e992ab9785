"""A comparison in lines for a terminal: changed truths first, in red."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from nastdata.compare.manifests import tell
from nastdata.compare.rows import ConfigDiff
from nastdata.compare.run import Comparison, list_cells

TITLES = {
    "truth": "truth changed",
    "reworded": "reworded",
    "moved": "in another split",
    "image": "another image",
    "other": "other columns changed",
    "removed": "removed",
    "added": "added",
}
SECTIONS = ("recipe", "terms", "versions", "ontology", "sources", "audit", "review", "counts")
SHOWN, CELLS, LINES = 5, 8, 25
"""Rows of a kind, cells of a config, and lines of a section that are shown; ``--json`` has more."""


def list_lines(found: Comparison) -> Iterator[str]:
    """Yield the comparison, styled; click removes colours where there is no terminal."""
    yield f"before: {found.before.path}"
    yield f"after:  {found.after.path}"
    yield from (f"note: {note}" for note in found.notes)
    if not found.differ:
        yield "no difference"
    for config in found.configs:
        yield from _tell_truths(config)
    for config in found.configs:
        yield from _tell_config(config)
    for name in SECTIONS:
        lines = found.manifests[name]
        if lines:
            yield ""
            yield click.style(
                f"{name}: {len(lines):,} {'difference' if len(lines) == 1 else 'differences'}", bold=True
            )
            for key, a, b in lines[:LINES]:
                yield f"  {key}: {clip(tell(a))} -> {clip(tell(b))}"
            if len(lines) > LINES:
                yield f"  and {len(lines) - LINES:,} more"


def clip(text: str, most: int = 100) -> str:
    """Return text in one line, cut off where it is long; control characters are shown as such."""
    line = " ".join("".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text).split())
    return line if len(line) <= most else line[: most - 3] + "..."


def _tell_truths(config: ConfigDiff) -> Iterator[str]:
    n = config.counts["truth"]
    if not n:
        return
    yield ""
    told = "truth changed" if n == 1 else "truths changed"
    yield click.style(f"{config.config}: {n:,} {told}", fg="red", bold=True)
    for e in config.examples["truth"][:SHOWN]:
        a, b = e["before"], e["after"]
        yield click.style(f"  {clip(str(a['id']))}, {clip(str(a['study']))} ({a['split']})", fg="red")
        yield click.style(f"    - {clip(a['truth'])}: {clip(' | '.join(a['right']))}", fg="red")
        yield click.style(f"    + {clip(b['truth'])}: {clip(' | '.join(b['right']))}", fg="red")


def _tell_config(config: ConfigDiff) -> Iterator[str]:
    before, after = sum(config.before.rows.values()), sum(config.after.rows.values())
    yield ""
    yield click.style(f"{config.config}: {before:,} -> {after:,} rows", bold=True)
    splits = dict.fromkeys([*config.before.rows, *config.after.rows])
    changed = [
        f"{s} {config.before.rows.get(s, 0):,} -> {config.after.rows.get(s, 0):,}"
        for s in splits
        if config.before.rows.get(s, 0) != config.after.rows.get(s, 0)
    ]
    if changed:
        yield f"  by split: {', '.join(changed)}"
    renamed = f" ({config.renamed:,} of them under another id)" if config.renamed else ""
    yield f"  unchanged: {config.unchanged:,}{renamed}"
    for kind, title in TITLES.items():
        n = config.counts[kind]
        if n:
            yield click.style(f"  {title}: {n:,}", fg="red" if kind == "truth" else None)
            if kind != "truth":
                yield from _tell_examples(kind, config.examples[kind][:SHOWN])
    cells = list_cells(config)
    if cells:
        yield f"  counts that changed: {len(cells):,} of split, condition, polarity, kind"
        for split, condition, polarity, kind, x, y in cells[:CELLS]:
            yield f"    {split}, {condition}, {polarity}, {kind}: {x:,} -> {y:,}"


def _tell_examples(kind: str, examples: list[dict[str, Any]]) -> Iterator[str]:
    for e in examples:
        a, b = e["before"], e["after"]
        one = a or b
        yield f"    {clip(str(one['id']))}, {clip(str(one['study']))} ({one['split']})"
        if kind == "reworded":
            for sign, side, other in (("-", a, b), ("+", b, a)):
                texts = [
                    t
                    for t in (*side["right"], *side["others"])
                    if t not in (*other["right"], *other["others"])
                ]
                yield f"      {sign} {clip(' | '.join(texts))}"
        elif kind == "moved":
            yield f"      {a['split']} -> {b['split']}"
        elif kind in ("removed", "added"):
            yield f"      {'-' if kind == 'removed' else '+'} {clip(' | '.join(one['right']))}"
