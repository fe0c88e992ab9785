"""How a multiple-choice question is put into words, wherever it is asked."""

from __future__ import annotations

from collections.abc import Sequence

from nastdata.errors import UserError
from nastdata.llm.answers.reader import LETTERS

CLAIM_QUESTION = "Which statement is true of this image?"
"""For claim sets, which have no question of their own."""
INSTRUCTION = "Answer with one letter: {letters}."


def word_question(question: str, options: Sequence[str], instruction: str = INSTRUCTION) -> str:
    """Return the text of a question with its lettered options.

    Raises:
        UserError: if there are more options than letters.
    """
    if len(options) > len(LETTERS):
        raise UserError(f"{len(options)} options; {len(LETTERS)} letters are known", where=question[:80])
    lines = "\n".join(f"{x}. {text}" for x, text in zip(LETTERS, options, strict=False))
    return f"{question}\n{lines}\n" + instruction.replace("{letters}", list_letters(len(options)))


def list_letters(n: int) -> str:
    """Return "A, B, C or D"."""
    return ", ".join(LETTERS[: n - 1]) + f" or {LETTERS[n - 1]}" if n > 1 else LETTERS[0]
