"""How well Spanish reports are read: PadChest's column of stemmed reports, in two tables.

    python benchmarks/reader_spanish.py [--corpus FILE] [--show dev] [--no-agreement]

1. Sentences of the column that were read by hand before any reader saw them: pointers and labels in
   ``tests/data/reader_spanish.tsv``, half for development and half for testing.
2. All distinct reports: how far what the reader reads agrees with PadChest's own labels, by condition.

``--show dev`` prints the development sentences that are read wrong; nobody looks at those of the test half.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter, defaultdict
from importlib import import_module
from pathlib import Path

import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))

from machine import describe_machine

from nastdata.ontology import Ontology, load_ontology
from nastdata.reading.parse import get_parser
from nastdata.sources.padchest.labels import LabelReader, Tally

hand = import_module("spanish_sentences")
LIST = "LabelsLocalizationsBySentence"
WORDS = {1: "present", -1: "uncertain", 0: "absent", None: "nothing"}


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--corpus", type=Path, default=None, help="PadChest's table (default: torchxrayvision's)"
    )
    parser.add_argument(
        "--show", choices=["dev", "test"], help="print the sentences of a half that are read wrong"
    )
    parser.add_argument("--no-agreement", action="store_true", help="only the sentences")
    options = parser.parse_args()
    corpus = options.corpus or hand.find_corpus()
    if corpus is None:
        raise SystemExit(
            "PadChest's table is not here: pip install --no-deps torchxrayvision, or --corpus FILE"
        )
    print(describe_machine())
    reports = hand.read_reports(corpus)
    ontology = load_ontology("chest_xray")
    _score(reports, ontology, options.show)
    if not options.no_agreement:
        _compare(reports, ontology)


def _score(reports: pl.DataFrame, ontology: Ontology, show: str | None) -> None:
    sentences = hand.load_sentences(reports)
    parse = get_parser(ontology, "spanish").parse
    start = time.perf_counter()
    readings = [parse(s.text) for s in sentences]
    seconds = time.perf_counter() - start
    groups = defaultdict(list)
    for s, reading in zip(sentences, readings, strict=True):
        verdict = hand.judge(s, reading)
        groups[s.half, "all"].append((s, verdict))
        groups[s.half, s.kind].append((s, verdict))
        if s.half == show and (not verdict.exact or verdict.misplaced):
            print(
                f"{s.name} {s.text!r}\n    right {s.labels} {s.places} {s.note}\n    read  {reading.labels}"
            )
            print("         ", [(f.condition, f.location) for f in reading.facts if f.location])
    print(f"\n{'half':8}{'kind':16}{'sentences':>10}{'exact':>8}{'%':>7}{'flips':>7}{'places wrong':>14}")
    for (half, kind), judged in sorted(groups.items()):
        n = hand.summarise(judged)
        share = 100 * n["exact"] / n["sentences"]
        print(
            f"{half:8}{kind:16}{n['sentences']:>10}{n['exact']:>8}{share:>7.1f}"
            f"{n['flips']:>7}{n['places wrong']:>14}"
        )
    print(f"{len(sentences) / seconds:,.0f} sentences/s")


def _compare(reports: pl.DataFrame, ontology: Ontology) -> None:
    """Print, by condition, what the reports' reader and PadChest's labels say of the same distinct reports.

    A condition that PadChest's labels lack is not thereby absent: only its 'normal' rows deny anything.
    """
    parse = get_parser(ontology, "spanish").parse
    labels = LabelReader(ontology, ("exact",))
    start = time.perf_counter()
    said = {text: parse(text, report=True) for text in reports["Report"].unique(maintain_order=True)}
    seconds = time.perf_counter() - start
    count: dict[tuple[str, str, bool], Counter[str]] = defaultdict(Counter)
    unread = 0
    pairs = reports.select("Report", LIST, "MethodLabel").unique(maintain_order=True)
    for report, listed, method in pairs.iter_rows():
        try:
            theirs = {c for c, _ in labels.read(listed or "nan", Tally())}
        except ValueError:
            continue
        reading = said[report]
        unread += bool(reading.unread)
        for condition in ontology.condition_by_name:
            ours = WORDS[reading.labels.get(condition)]
            count[condition, method, condition in theirs][ours] += 1
    print(f"\n{len(said):,} distinct reports in {seconds:.1f} s, {len(said) / seconds:,.0f} reports/s")
    print(f"{len(pairs):,} distinct (report, labels) pairs; {unread:,} have something unread")
    for method in ("Physician", "RNN_model"):
        print(
            f"\nlabels by {method}: where they name a condition, and where they do not, what the reader reads"
        )
        head = "".join(f"{w:>11}" for w in WORDS.values())
        print(f"{'condition':28}{'named':>8}{head}{'agree %':>9} |{'not named':>10}{head}{'kappa':>8}")
        for condition in ontology.condition_by_name:
            named, other = count[condition, method, True], count[condition, method, False]
            if not named.total():
                continue
            print(
                f"{condition:28}{named.total():>8,}"
                + "".join(f"{named[w]:>11,}" for w in WORDS.values())
                + f"{100 * named['present'] / named.total():>9.1f} |{other.total():>10,}"
                + "".join(f"{other[w]:>11,}" for w in WORDS.values())
                + f"{_kappa(named, other):>8.2f}"
            )


def _kappa(named: Counter[str], other: Counter[str]) -> float:
    """Return Cohen's kappa of "labelled" and "read as present"."""
    n, yes = named.total() + other.total(), named["present"] + other["present"]
    same = (named["present"] + other.total() - other["present"]) / n
    chance = (named.total() * yes + other.total() * (n - yes)) / n**2
    return (same - chance) / (1 - chance) if chance < 1 else 1.0


if __name__ == "__main__":
    main()
