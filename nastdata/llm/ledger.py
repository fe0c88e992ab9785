"""What the words cost.

Two accounts. ``account_texts`` is computed from the answers that a dataset is made of, so that an
interrupted and resumed build has the same manifest as an uninterrupted one. ``RunLedger`` counts what this
run did (calls, retries, cache hits, latencies) and is told on stderr.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from nastdata.llm.base import Answer
from nastdata.recipe import Prices


def price(prompt_tokens: int | None, completion_tokens: int | None, prices: Prices) -> float | None:
    """Return the cost of a call; None when a price or a count is not known."""
    if None in (prompt_tokens, completion_tokens, prices.input, prices.output):
        return None
    assert prompt_tokens is not None and completion_tokens is not None
    assert prices.input is not None and prices.output is not None
    return (prompt_tokens * prices.input + completion_tokens * prices.output) / 1e6


def account_texts(answers: Iterable[Answer], statements: int, prices: Prices) -> dict[str, Any]:
    """Return the manifest's ledger of the answers that a dataset was made from.

    Args:
        answers: every answer asked for, good or refused, one per call.
        statements: distinct (statement, wording) pairs that were worded.
        prices: per million tokens.
    """
    answers = list(answers)
    known = [a for a in answers if a.prompt_tokens is not None and a.completion_tokens is not None]
    complete = len(known) == len(answers)
    prompt = sum(a.prompt_tokens or 0 for a in known) if complete else None
    completion = sum(a.completion_tokens or 0 for a in known) if complete else None
    cost = price(prompt, completion, prices)
    return {
        "calls": len(answers),
        "statements": statements,
        "cache_hits": max(statements - len(answers), 0),
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "cost": None if cost is None else round(cost, 6),
        "outcomes": dict(sorted(Counter(a.outcome for a in answers).items())),
        "models": sorted({a.model_said for a in answers if a.model_said}),
        "peers": sorted({a.peer for a in answers if a.peer}),
    }


@dataclass
class RunLedger:
    """What this run did; not part of the dataset."""

    calls: int = 0
    retries: int = 0
    cache_hits: int = 0
    jobs: int = 0
    """Batch jobs that were made."""
    resumed: int = 0
    """Batch jobs of an earlier run that were gone on with."""
    resubmitted: int = 0
    """Questions that came back from a batch job without an answer and went into another."""
    seconds: list[float] = field(default_factory=list)

    def add(self, answer: Answer) -> None:
        """Count one call that was made."""
        self.calls += 1
        self.retries += answer.retries
        self.seconds.append(answer.seconds)

    def percentile(self, share: float) -> float | None:
        """Return a latency percentile in seconds, or None if no call was made."""
        if not self.seconds:
            return None
        return sorted(self.seconds)[min(int(share * len(self.seconds)), len(self.seconds) - 1)]

    def to_json(self) -> dict[str, Any]:
        """Return the run's account."""
        latency = {f"p{int(q * 100)}": self.percentile(q) for q in (0.5, 0.9, 0.99)}
        return {
            "calls": self.calls,
            "retries": self.retries,
            "cache_hits": self.cache_hits,
            "jobs": self.jobs,
            "resumed": self.resumed,
            "resubmitted": self.resubmitted,
            "latency": latency,
        }

    def tell(self) -> str:
        """Return the account in one line."""
        if not self.calls:
            return f"no calls, {self.cache_hits:,} answers from the cache"
        if self.jobs or self.resumed:
            return (
                f"{self.calls:,} answers from batch jobs ({self.jobs:,} made, {self.resumed:,} gone on with, "
                f"{self.resubmitted:,} questions resubmitted), {self.cache_hits:,} answers from the cache"
            )
        return (
            f"{self.calls:,} calls ({self.retries:,} retries), {self.cache_hits:,} answers from the cache, "
            f"latency {self.percentile(0.5):.2f} s (median), {self.percentile(0.95):.2f} s (95 %)"
        )
