"""Each distinct (statement, index) is worded once, wherever the engine has room for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from nastdata.engines.base import IN_PROCESS, Engine
from nastdata.records import Fact, FactWording, OptionStatement, OptionWording
from nastdata.writing.base import Failure, Writer
from nastdata.writing.template import TemplateWriter

S = TypeVar("S", OptionStatement, Fact)
W = TypeVar("W", OptionWording, FactWording)
_WORTH_A_PROCESS = 40_000
"""Below this many wordings a process the start of one costs more than it saves."""


def word_options(
    writer: Writer, wanted: Sequence[tuple[OptionStatement, int]], engine: Engine = IN_PROCESS
) -> list[OptionWording | Failure]:
    """Word options, each distinct one once.

    Args:
        writer: any writer. Models are asked from here, since their answers are kept in one place and their
            budget is one; only the template's work is shared out.
        wanted: (statement, index) pairs, repeats allowed.
        engine: where the work runs; the result does not depend on it.

    Returns:
        One wording or failure for each of ``wanted``, in that order.
    """
    return _word(writer, writer.write_options, wanted, engine)


def word_facts(
    writer: Writer, wanted: Sequence[tuple[Fact, int]], engine: Engine = IN_PROCESS
) -> list[FactWording | Failure]:
    """Word facts, each distinct one once; arguments and result as in ``word_options``."""
    return _word(writer, writer.write_facts, wanted, engine)


def _word(
    writer: Writer,
    write: Callable[[Sequence[tuple[S, int]]], list[W | Failure]],
    wanted: Sequence[tuple[S, int]],
    engine: Engine,
) -> list[W | Failure]:
    distinct = list(dict.fromkeys(wanted))
    if isinstance(writer, TemplateWriter):
        results = engine.map(write, distinct, _WORTH_A_PROCESS)
    else:
        results = write(distinct)
    by_key = dict(zip(distinct, results, strict=True))
    return [by_key[w] for w in wanted]
