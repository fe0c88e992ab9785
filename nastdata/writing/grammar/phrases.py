"""Sentence templates that say two things at once: a negated and an affirmative text.

A template is text with slots and brackets: ``"{x} noted, [without {o}|with {a}]"``. What stands in
brackets differs, left of the bar in the negated text and right of it in the affirmative one; the rest is
common to both. A template is compiled once into pieces and filled many times.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

Piece = tuple[str, str]
"""(text in the negated sentence, text in the affirmative one); equal where they do not differ."""

_WORD = re.compile(r"\S+|\s+")
_BRACKET = re.compile(r"\[([^|\]]*)\|([^\]]*)\]")


@cache
def compile_template(template: str) -> tuple[Piece, ...]:
    """Split a template into pieces with their slots still open."""
    out: list[Piece] = []
    end = 0
    for match in _BRACKET.finditer(template):
        if match.start() > end:
            common = template[end : match.start()]
            out.append((common, common))
        out.append((match[1], match[2]))
        end = match.end()
    if end < len(template):
        out.append((template[end:], template[end:]))
    return tuple(out)


def fill_template(template: str, slots: Mapping[str, str]) -> list[Piece]:
    """Fill the slots of a template."""
    out: list[Piece] = []
    for negated, affirmative in compile_template(template):
        left = negated.format_map(slots)
        out.append((left, left if negated is affirmative else affirmative.format_map(slots)))
    return out


def finish_texts(pieces: Sequence[Piece]) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    """Join pieces into the two sentences.

    Sentence starts get capitals and the end a full stop.

    Returns:
        (negated text, affirmative text, spans); ``spans`` are the differing pieces in order, without the
        words that both begin with unless these are needed to find a piece (its first occurrence after the
        one before it). Everything outside the spans is the same to the letter.
    """
    left, left_parts = _join([p[0] for p in pieces])
    right, right_parts = _join([p[1] for p in pieces])
    spans = []
    at = {0: 0, 1: 0}
    end = {0: 0, 1: 0}
    for parts in zip(left_parts, right_parts, strict=True):
        if parts[0] != parts[1]:
            span = _trim(*parts)
            starts = [at[side] + len(parts[side]) - len(span[side]) for side in (0, 1)]
            found = [text.find(span[i], end[i]) == starts[i] for i, text in enumerate((left, right))]
            spans.append(span if all(found) else parts)
            end = {side: at[side] + len(parts[side]) for side in (0, 1)}
        at = {side: at[side] + len(parts[side]) for side in (0, 1)}
    return f"{left}.", f"{right}.", tuple(spans)


def _join(parts: Sequence[str]) -> tuple[str, list[str]]:
    out: list[str] = []
    start = True
    for part in parts:
        if part and start and (part[0] != " "):
            part = part[0].upper() + part[1:]
        if part:
            start = part.endswith(". ")
        out.append(part)
    return "".join(out), out


def _trim(negated: str, affirmative: str) -> tuple[str, str]:
    """Drop what both pieces begin with, by whole words, so that the rest is the same to the letter."""
    same = 0
    for a, b in zip(_WORD.findall(negated), _WORD.findall(affirmative), strict=False):
        if a != b:
            break
        same += len(a)
    return negated[same:], affirmative[same:]
