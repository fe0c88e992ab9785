"""Each distinct (statement, index) is worded once, in several processes where that pays."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import TypeVar

from nastdata.ontology import Ontology
from nastdata.realize.template import TemplateWriter
from nastdata.realize.writer import Failure, Writer
from nastdata.records import Fact, FactWording, OptionStatement, OptionWording

T = TypeVar("T")
_WORTH_A_PROCESS = 40_000
"""Below this many wordings a process the start of one costs more than it saves."""


def word_options(
    writer: Writer, wanted: Sequence[tuple[OptionStatement, int]], workers: int = 0
) -> list[OptionWording | Failure]:
    """Word options, each distinct one once.

    Args:
        writer: any writer; only the template writer is shared out to processes.
        wanted: (statement, index) pairs, repeats allowed.
        workers: processes; 0 for as many as there are cores. The result does not depend on it.

    Returns:
        One wording or failure for each of ``wanted``, in that order.
    """
    distinct = list(dict.fromkeys(wanted))
    shares = _share_out(writer, len(distinct), workers)
    if shares > 1 and isinstance(writer, TemplateWriter):
        with _pool(shares) as pool:
            parts = pool.map(partial(_write_options, writer.ontology, writer.seed), _cut(distinct, shares))
            results = [w for part in parts for w in part]
    else:
        results = writer.write_options(distinct)
    by_key = dict(zip(distinct, results, strict=True))
    return [by_key[w] for w in wanted]


def word_facts(
    writer: Writer, wanted: Sequence[tuple[Fact, int]], workers: int = 0
) -> list[FactWording | Failure]:
    """Word facts, each distinct one once; arguments and result as in ``word_options``."""
    distinct = list(dict.fromkeys(wanted))
    shares = _share_out(writer, len(distinct), workers)
    if shares > 1 and isinstance(writer, TemplateWriter):
        with _pool(shares) as pool:
            parts = pool.map(partial(_write_facts, writer.ontology, writer.seed), _cut(distinct, shares))
            results = [w for part in parts for w in part]
    else:
        results = writer.write_facts(distinct)
    by_key = dict(zip(distinct, results, strict=True))
    return [by_key[w] for w in wanted]


def _write_options(
    ontology: Ontology, seed: int, wanted: Sequence[tuple[OptionStatement, int]]
) -> list[OptionWording | Failure]:
    return TemplateWriter(ontology, seed).write_options(wanted)


def _write_facts(
    ontology: Ontology, seed: int, wanted: Sequence[tuple[Fact, int]]
) -> list[FactWording | Failure]:
    return TemplateWriter(ontology, seed).write_facts(wanted)


def _share_out(writer: Writer, n: int, workers: int) -> int:
    """Return how many processes to use: never more than pay, never more than asked for."""
    most = workers or os.cpu_count() or 1
    return max(1, min(most, n // _WORTH_A_PROCESS)) if isinstance(writer, TemplateWriter) else 1


def _pool(size: int) -> ProcessPoolExecutor:
    # Not fork: the program may hold threads (polars) that do not survive it.
    return ProcessPoolExecutor(size, mp_context=get_context("spawn"))


def _cut(items: Sequence[T], n: int) -> list[Sequence[T]]:
    size = -(-len(items) // n)
    return [items[i : i + size] for i in range(0, len(items), size)]
