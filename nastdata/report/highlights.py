"""Where two sentences differ, word by word."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

Piece = tuple[str, bool]
"""A stretch of text, and whether it differs."""


def mark_difference(a: str, b: str) -> tuple[list[Piece], list[Piece]]:
    """Cut two texts into stretches that they share and stretches that they don't.

    Joined again, the pieces are the texts.
    """
    x, y = _cut(a), _cut(b)
    left: list[Piece] = []
    right: list[Piece] = []
    for tag, i, j, k, m in SequenceMatcher(None, x, y, autojunk=False).get_opcodes():
        _add(left, "".join(x[i:j]), tag != "equal")
        _add(right, "".join(y[k:m]), tag != "equal")
    return _trim(left), _trim(right)


def _cut(text: str) -> list[str]:
    return re.findall(r"\w+|\s+|[^\w\s]", text)


def _trim(pieces: list[Piece]) -> list[Piece]:
    """Take blanks at the ends of differing stretches out of them: a mark begins and ends with a word."""
    out: list[Piece] = []
    for text, differs in pieces:
        core = text.strip() if differs else ""
        if not core:
            out.append((text, False))
            continue
        start = text.index(core)
        parts = ((text[:start], False), (core, True), (text[start + len(core) :], False))
        out += [part for part in parts if part[0]]
    return out


def _add(pieces: list[Piece], text: str, differs: bool) -> None:
    """Append a stretch, with a blank between two differing words counted as differing."""
    if not text:
        return
    if len(pieces) >= 2 and differs and pieces[-1][0].isspace() and pieces[-2][1]:
        blank = pieces.pop()[0]
        before = pieces.pop()[0]
        pieces.append((before + blank + text, True))
    elif pieces and pieces[-1][1] == differs:
        pieces[-1] = (pieces[-1][0] + text, differs)
    else:
        pieces.append((text, differs))
