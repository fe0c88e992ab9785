"""How a generative model is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from nastdata.llm.answers.questions import INSTRUCTION
from nastdata.recipe import Prices

Choice = Literal["text", "logprobs"]
"""Read the answer's text, or compare the log-probabilities of the letters."""


@dataclass(frozen=True)
class Permission:
    """A statement that a server may see restricted images: whose, and who says so."""

    host: str
    stated_by: str


@dataclass(frozen=True)
class VisionSettings:
    """What decides how questions are put, and what they may cost."""

    orders: int = 1
    controls: bool = False
    choice: Choice = "text"
    max_tokens: int = 1024
    instruction: str = INSTRUCTION
    system: str | None = None
    revision: str | None = None
    concurrency: int = 8
    retries: int = 6
    timeout: float = 120.0
    fresh: bool = False
    check_kept: int = 2
    """Kept answers that are asked again, to see whether the same model still answers."""
    permission: Permission | None = None
    prices: Prices = field(default_factory=Prices)
