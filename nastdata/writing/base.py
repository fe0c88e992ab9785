"""What a writer is: something that puts statements into words. The template writer is the default."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from nastdata.records import Fact, FactWording, OptionStatement, OptionWording


@dataclass(frozen=True, slots=True)
class Failure:
    """A statement that could not be worded, with the last refused text and the reason."""

    statement: OptionStatement | Fact
    index: int
    reason: str
    text: str | None = None


class Writer(Protocol):
    """Words distinct statements; ``index`` numbers the wordings of a statement from 0.

    Results stand in the order asked for. What a writer returns for (statement, index) depends on these,
    the ontology and the seed only, never on what else was asked for in the same call.
    """

    name: str
    tries_again: bool
    """Whether it reads its own texts back and mends them, so that asking again is of no use."""

    def account(self) -> dict[str, Any] | None:
        """Return what the words cost, for the manifest; None if nothing."""
        ...

    def close_run(self) -> str | None:
        """Keep the account of this run, which is no part of the dataset; return it in one line, if any."""
        ...

    def write_options(self, wanted: Sequence[tuple[OptionStatement, int]]) -> list[OptionWording | Failure]:
        """Word MCQ options; options of three equal conditions with equal index share a plan."""
        ...

    def write_facts(self, wanted: Sequence[tuple[Fact, int]]) -> list[FactWording | Failure]:
        """Word facts, one sentence each."""
        ...


@dataclass(frozen=True)
class Checks:
    """What a writer may ask about its own texts before it hands them over; None means "good".

    The build reads every text back again afterwards: these let a writer that can be told the reason (a
    language model) mend a text.
    """

    option: Callable[[OptionWording], str | None]
    fact: Callable[[FactWording], str | None]
    negated: Callable[[OptionStatement, str], str | None]
    """Of a negated option text alone, before there is an affirmative one."""
