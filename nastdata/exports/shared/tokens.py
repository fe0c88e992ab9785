"""Whether a text fits CLIP's text tower: counted where its tokenizer is installed, else estimated."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

MOST_TOKENS = 77
"""Start and end marks included; what is beyond is cut off unseen."""
PIECES = re.compile(r"[a-z]+|[0-9]|[^\sa-z0-9]", re.IGNORECASE)
LETTERS_A_TOKEN = 3
"""English words take about one token for five letters, hard medical ones one for three."""


@lru_cache(maxsize=200_000)
def fits_clip(text: str) -> bool:
    """Whether a text has at most 77 tokens, start and end marks included.

    A text of 75 bytes fits whatever the tokenizer says, since a token stands for one byte at least. Longer
    ones are counted by open_clip's tokenizer, or, where that is not installed, by ``bound_tokens``.
    """
    if len(text.encode()) + 2 <= MOST_TOKENS:
        return True
    tokenizer = _load_tokenizer()
    tokens = bound_tokens(text) if tokenizer is None else len(tokenizer.encode(text)) + 2
    return tokens <= MOST_TOKENS


def bound_tokens(text: str) -> int:
    """Return more tokens than a report's text has: one for three letters begun, one for every sign."""
    return 2 + sum(-(-len(piece) // LETTERS_A_TOKEN) for piece in PIECES.findall(text))


@lru_cache(maxsize=1)
def _load_tokenizer() -> Any:
    if find_spec("open_clip") is None:
        return None
    from open_clip.tokenizer import SimpleTokenizer

    return SimpleTokenizer()
