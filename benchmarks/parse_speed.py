"""How fast texts are read and checked on one core: `python benchmarks/parse_speed.py`.

Short options are the template writer's MCQ options; report sentences are this project's own gold sentences,
repeated with a running number so that no two are equal. Of these the best of a few runs counts, so that the
sequences of kinds of the last run are known. "Read for the first time" are other sentences, each distinct,
read once by a new parser.
"""

from __future__ import annotations

import csv
import itertools
import os
import platform
import time
from pathlib import Path

from nastdata.ontology import load_ontology
from nastdata.reading.caption_gate import check_option
from nastdata.reading.parse import Parser
from nastdata.records import OptionStatement
from nastdata.writing.base import Failure
from nastdata.writing.template import TemplateWriter

DATA = Path(__file__).parents[1] / "tests" / "data"
REPEATS = 3


def measure(parser: Parser, texts: list[str]) -> float:
    """Return texts per second of processor time, the best of a few runs."""
    best = 0.0
    for _ in range(REPEATS):
        started = time.process_time()
        for text in texts:
            parser.parse(text)
        best = max(best, len(texts) / (time.process_time() - started))
    return best


def measure_first(parser: Parser, texts: list[str]) -> float:
    """Return texts per second of processor time, of texts that the parser has never met."""
    started = time.process_time()
    for text in texts:
        parser.parse(text)
    return len(texts) / (time.process_time() - started)


def read_distinct() -> list[str]:
    """Return the distinct one-line texts of the hand-labelled sets."""
    texts: dict[str, None] = {}
    for path in sorted(DATA.glob("reader_*.tsv")):
        if "spanish" in path.name or "templates" in path.name:
            continue
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file, delimiter="\t")
            texts.update((r["text"], None) for r in rows if r["text"] and "\\n" not in r["text"])
    return list(texts)


def main() -> None:
    """Print the table."""
    ontology = load_ontology("chest_xray")
    started = time.process_time()
    parser = Parser(ontology)
    built = time.process_time() - started
    triples = itertools.combinations([c.name for c in ontology.conditions], 3)
    labels: list[tuple[int, int, int]] = [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    wanted = [(OptionStatement(t, v), i) for i, t in enumerate(triples) for v in labels for i in (i, i + 1)]
    worded = [w for w in TemplateWriter(ontology, 0).write_options(wanted) if not isinstance(w, Failure)]
    options = list(dict.fromkeys(t for w in worded for t in (w.negated, w.affirmative)))
    short = [t for t in options if len(t.split()) <= 9]
    with (DATA / "polarity_more.tsv").open(encoding="utf-8", newline="") as file:
        rows = [r["text"] for r in csv.DictReader(file, delimiter="\t")]
    reports = [f"{t} {n}." for n in range(20) for t in rows]
    report = " ".join(rows)
    print(f"{os.cpu_count()} cores ({platform.machine()}), one used; Python {platform.python_version()}")
    print(f"building the parser: {built * 1000:.0f} ms\n")
    print(f"{'texts':<34}{'count':>8}{'words':>8}{'texts/s':>10}")
    for name, texts in (
        ("short options (up to 9 words)", short),
        ("all options", options),
        ("report sentences", reports),
        (f"one report of {len(report):,} characters", [report] * 20),
    ):
        words = sum(len(t.split()) for t in texts) / len(texts)
        print(f"{name:<34}{len(texts):>8,}{words:>8.1f}{measure(parser, texts):>10,.0f}")
    distinct = read_distinct()
    words = sum(len(t.split()) for t in distinct) / len(distinct)
    first = measure_first(Parser(ontology), distinct)
    print(f"{'sentences read for the first time':<34}{len(distinct):>8,}{words:>8.1f}{first:>10,.0f}")
    started = time.process_time()
    refused = 0
    for w in worded:
        reason = check_option(parser.parse(w.negated), parser.parse(w.affirmative), w, ontology)
        refused += reason is not None
    seconds = time.process_time() - started
    print(
        f"\nround trip of option pairs: {len(worded) / seconds:,.0f}/s, {refused} of {len(worded):,} refused"
    )


if __name__ == "__main__":
    main()
