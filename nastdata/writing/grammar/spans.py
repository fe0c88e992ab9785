"""Where two texts differ: pieces as (negated, affirmative) pairs, for lineage and for the eye."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence


def find_spans(negated: str, affirmative: str) -> tuple[tuple[str, str], ...]:
    """Return the differing pieces of two texts as (negated, affirmative) pairs in order.

    A piece takes in words before it until it is not empty on either side and its first occurrence after the
    piece before it is the right one: so the pairs tell the whole difference.
    """
    a, b = (list(re.finditer(r"\w[\w'-]*|[^\w\s]", t)) for t in (negated, affirmative))
    words = [[m.group() for m in side] for side in (a, b)]
    matcher = difflib.SequenceMatcher(None, words[0], words[1], autojunk=False)
    spans: list[tuple[int, int, int, int]] = []
    for tag, *found in matcher.get_opcodes():
        if tag == "equal":
            continue
        i, j, k, m = found
        while True:
            before = spans[-1] if spans else (0, 0, 0, 0)
            if spans and (i <= before[1] or k <= before[3]):
                i, k = before[0], before[2]
                spans.pop()
            elif i == j or k == m or not (_is_first(negated, a, before[1], i, j)):
                if i == 0 or k == 0:
                    j, m = min(j + 1, len(a)), min(m + 1, len(b))
                    break
                i, k = i - 1, k - 1
            elif not _is_first(affirmative, b, before[3], k, m) and i and k:
                i, k = i - 1, k - 1
            else:
                break
        spans.append((i, j, k, m))
    return tuple((_cut(negated, a[i:j]), _cut(affirmative, b[k:m])) for i, j, k, m in spans)


def _is_first(text: str, words: Sequence[re.Match[str]], after: int, i: int, j: int) -> bool:
    start = words[after - 1].end() if after else 0
    return text.find(_cut(text, words[i:j]), start) == words[i].start()


def _cut(text: str, words: Sequence[re.Match[str]]) -> str:
    return text[words[0].start() : words[-1].end()] if words else ""
