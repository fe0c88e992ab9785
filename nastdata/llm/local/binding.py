"""Words bound to regular expressions, token by token, for any model that lets its logits be masked.

A model is asked as long as it has a choice. Where the rest of a text is the same whatever it says, the text
is ended and the rest is added here: of a sentence that is one of six, the model weighs a handful of tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Binding:
    """A logits processor: row i of a batch can only say what expression i matches.

    It takes token ids and logits as tensors of torch (rows, vocabulary) or arrays of numpy (vocabulary,) and
    returns logits of the same kind, minus infinity where a token is not allowed.

    Args:
        tokenizer: llguidance's, of the model.
        regexes: one a row.
    """

    def __init__(self, tokenizer: Any, regexes: Sequence[str]) -> None:
        from llguidance import LLMatcher

        self._tokenizer = tokenizer
        self._start = [LLMatcher(tokenizer, LLMatcher.grammar_from_regex(r)) for r in regexes]
        self.reset()

    @property
    def settled(self) -> bool:
        """Whether no row leaves the model a choice, so that it need not be asked at all."""
        return all(tail is not None for tail in self.tails)

    def reset(self) -> None:
        """Begin again (called by outlines before it generates)."""
        self._matchers = [m.deep_copy() for m in self._start]
        self.tails: list[str | None] = [self._find_tail(m) for m in self._matchers]
        """Of each row the words to add to what the model said; None while it has a choice."""
        self.prompt_tokens = 0
        """Length of what the model read before it began to write."""

    def __call__(self, input_ids: Any, logits: Any) -> Any:
        """Return the logits with everything masked that would leave the expressions."""
        if self.prompt_tokens:
            self._consume([int(row[-1]) for row in (input_ids if logits.ndim > 1 else [input_ids])])
        else:
            self.prompt_tokens = input_ids.shape[-1]
        width = logits.shape[-1]
        allowed = np.zeros((len(self._matchers), width), dtype=bool)
        for i, matcher in enumerate(self._matchers):
            allowed[i] = self._list_allowed(i, matcher, width)
        if isinstance(logits, np.ndarray):
            return np.where(allowed if logits.ndim > 1 else allowed[0], logits, -np.inf).astype(logits.dtype)
        import torch

        return logits.masked_fill(~torch.from_numpy(allowed).to(logits.device), float("-inf"))

    def _consume(self, last: Sequence[int]) -> None:
        for i, (matcher, token) in enumerate(zip(self._matchers, last, strict=True)):
            if self.tails[i] is None:  # else what was taken is the end, or the padding after it
                matcher.consume_token(token)
                self.tails[i] = self._find_tail(matcher)

    def _list_allowed(self, i: int, matcher: Any, width: int) -> NDArray[np.bool_]:
        allowed = np.zeros(width, dtype=bool)
        if self.tails[i] is not None:
            allowed[self._tokenizer.eos_token] = True
            return allowed
        bits = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
        known = np.unpackbits(bits, bitorder="little")[:width].astype(bool)
        allowed[: len(known)] = known
        return allowed

    def _find_tail(self, matcher: Any) -> str | None:
        """Return the rest of the text if there is but one, else None."""
        if matcher.is_error():
            return None  # the text will not match, and that is told there
        forced: bytes = matcher.compute_ff_bytes()
        ahead = matcher.deep_copy()
        if forced and not ahead.consume_tokens(self._tokenizer.tokenize_bytes(forced)):
            return None
        return forced.decode() if ahead.is_stopped() and ahead.is_accepting() else None


def may_begin(text: str, regex: str) -> bool:
    """Tell whether a text is the beginning of one that the expression matches."""
    from llguidance import LLMatcher, LLTokenizer

    matcher = LLMatcher(LLTokenizer("byte"), LLMatcher.grammar_from_regex(regex))
    said = list(text.encode())
    return bool(matcher.try_consume_tokens(said) == len(said))
