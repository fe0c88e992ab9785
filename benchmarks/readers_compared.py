"""Our reader beside medSpaCy, negspaCy and RadText: `python benchmarks/readers_compared.py`.

    python benchmarks/readers_compared.py [SENTENCES.tsv] --python readers/bin/python

SENTENCES is a table as tests/data/reader_sentences.tsv, the default. The others run in an environment
of their own, since medSpaCy needs NumPy 1:

    python3.11 -m venv readers
    readers/bin/pip install medspacy==1.3.1 negspacy==1.0.4 bioc intervaltree networkx ply pyyaml tqdm
    readers/bin/pip install --no-deps radtext
    readers/bin/python -m spacy download en_core_web_sm

Every library gets the ontology's names as its targets. A text is exact if all its labels are right and there
is no other; a flip is present read as absent, or the reverse. Texts that point into Open-i are taken from the
package torchxrayvision; without it they are left out, and counted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from machine import describe_machine

HELPERS = Path(__file__).parents[1] / "tests" / "helpers"
sys.path.insert(0, str(HELPERS))
from labelled import Labelled, find_openi_texts, fits_places, read_sentences  # noqa: E402

import nastdata  # noqa: E402
from nastdata.ontology import load_ontology  # noqa: E402

WORKER = Path(__file__).parent / "competitors" / "other_readers.py"
OTHERS = {"medSpaCy": "medspacy", "negspaCy": "negspacy", "RadText": "radtext"}
LABELS = {1: "present", 0: "absent", -1: "uncertain"}
REPEATS = 20


@dataclass
class Answer:
    """What a reader made of all texts."""

    labels: list[dict[str, int]]
    seconds: float
    version: str
    places: list[dict[str, set[str]]] | None = None
    texts: int = 0
    """Texts that were timed."""


@dataclass
class Score:
    """Counts over the texts of a kind."""

    count: int = 0
    exact: int = 0
    flips: int = 0
    wrong_places: int = 0
    by_label: Counter[tuple[str, int]] = field(default_factory=Counter)
    """("tp", "fp" or "fn", label) -> count."""

    def f1(self, label: int) -> float:
        """Return F1 of one label over all conditions."""
        hits = 2 * self.by_label["tp", label]
        return hits / max(hits + self.by_label["fp", label] + self.by_label["fn", label], 1)


def load_texts(path: str) -> tuple[list[Labelled], int]:
    """Return the rows that have a text, and how many have none here."""
    rows = read_sentences(path)
    stored: dict[str, str] = {}
    if any(r.where for r in rows):
        try:
            folder = Path(str(distribution("torchxrayvision").locate_file("torchxrayvision/data")))
            stored = find_openi_texts(folder / "NLMCXR_reports.tgz")
        except (PackageNotFoundError, FileNotFoundError):
            print("torchxrayvision is not installed: no Open-i texts", file=sys.stderr)
    full = [replace(r, text=stored.get(r.where.split()[-1], "")) if r.where else r for r in rows]
    kept = [r for r in full if r.text]
    return kept, len(full) - len(kept)


def read_ours(texts: Sequence[str]) -> Answer:
    """Read all texts with nastdata, as reports where they are of several lines."""
    nastdata.parse("No pleural effusion.")
    readings = [nastdata.parse(t) for t in texts]
    started = time.process_time()
    for _ in range(REPEATS):
        for t in texts:
            nastdata.parse(t)
    seconds = (time.process_time() - started) / REPEATS
    places = []
    for r in readings:
        at: dict[str, set[str]] = defaultdict(set)
        for f in r.facts:
            if f.location and f.denies != "location":
                at[f.condition].add(f.location)
        places.append(dict(at))
    return Answer([r.labels for r in readings], seconds, nastdata.__version__, places)


def list_names() -> dict[str, list[str]]:
    """Return the ontology's names of each condition, its predicates spelled out ("heart is enlarged")."""
    out = {}
    for c in load_ontology("chest_xray").conditions:
        names = dict.fromkeys([c.text, *c.synonyms])
        for p in c.predicates:
            names |= dict.fromkeys(
                f"{s} {be} {a}" for s in p.subjects for a in p.adjectives for be in ("is", "are")
            )
            names |= dict.fromkeys(f"{a} {s}" for s in p.subjects for a in p.adjectives)
        out[c.name] = list(names)
    return out


def read_others(python: str, reader: str, texts: Sequence[str]) -> Answer | str:
    """Run a library in its environment; return why not, if it does not run."""
    with tempfile.TemporaryDirectory() as name:
        task, answer = Path(name) / "task.json", Path(name) / "answer.json"
        task.write_text(json.dumps({"names": list_names(), "texts": list(texts)}))
        try:
            done = subprocess.run(
                [python, str(WORKER), reader, str(task), str(answer)], capture_output=True, text=True
            )
        except OSError as e:
            return f"{python}: {e.strerror}"
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        found = json.loads(answer.read_text())
    said = ", ".join(f"{k} {v}" for k, v in found["versions"].items())
    return Answer(found["labels"], found["seconds"], said)


def score(rows: Sequence[Labelled], answer: Answer) -> dict[str, Score]:
    """Return kind -> score, and "all"."""
    out: dict[str, Score] = defaultdict(Score)
    for i, (row, labels) in enumerate(zip(rows, answer.labels, strict=True)):
        said = {c: v for c, v in labels.items() if c not in row.unasked}
        wanted = {c: v for c, v in row.labels.items() if c not in row.unasked}
        for condition, value in row.either:
            if said.get(condition) == value:
                wanted.pop(condition, None)
                wanted |= {} if value is None else {condition: value}
        for s in (out[row.kind], out["all"]):
            s.count += 1
            s.exact += said == wanted
            s.flips += sum({said[c], wanted[c]} == {0, 1} for c in said.keys() & wanted.keys())
            for c in said.keys() | wanted.keys():
                if said.get(c) == wanted.get(c):
                    s.by_label["tp", said[c]] += 1
                    continue
                s.by_label.update([("fn", wanted[c])] if c in wanted else [])
                s.by_label.update([("fp", said[c])] if c in said else [])
            if answer.places is not None:
                at = answer.places[i]
                right = [c for c in wanted if said.get(c) == wanted[c]]
                s.wrong_places += any(not fits_places(row.places.get(c), at.get(c, set())) for c in right)
    return dict(out)


def main() -> None:
    """Print the table, in Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sentences", nargs="?", default="reader_sentences.tsv")
    parser.add_argument("--python", help="Python of an environment that has the other libraries.")
    parser.add_argument("--json", type=Path, help="Write all figures there.")
    args = parser.parse_args()
    given = Path(args.sentences)
    rows, lacking = load_texts(str(given.resolve()) if given.is_file() else args.sentences)
    texts = [r.text for r in rows]
    answers: dict[str, Answer | str] = {"nastdata": read_ours(texts)}
    for title, reader in OTHERS.items():
        answers[title] = read_others(args.python, reader, texts) if args.python else "give --python"
    kinds = [*dict.fromkeys(r.kind for r in rows), "all"]
    print(
        f"{describe_machine()}, one core; {len(rows)} texts"
        + (f", {lacking} without a text here" if lacking else "")
    )
    print(
        "\n| reader | "
        + " | ".join(f"exact, {k}" for k in kinds)
        + " | flips | F1 present | absent | uncertain |"
        " places wrong | texts/s |"
    )
    print("|---" * (len(kinds) + 7) + "|")
    figures = {}
    for title, answer in answers.items():
        if isinstance(answer, str):
            print(f"| {title} | did not run: {answer} |")
            continue
        scores = score(rows, answer)
        whole = scores["all"]
        cells = [f"{100 * scores[k].exact / scores[k].count:.0f} %" for k in kinds]
        cells += [str(whole.flips), *(f"{whole.f1(v):.3f}" for v in LABELS)]
        cells += [
            str(whole.wrong_places) if answer.places is not None and any(r.places for r in rows) else "-",
            f"{len(rows) / answer.seconds:,.0f}",
        ]
        print(f"| {title} ({answer.version}) | " + " | ".join(cells) + " |")
        figures[title] = {
            k: {
                "count": s.count,
                "exact": s.exact,
                "flips": s.flips,
                **{f"f1_{n}": s.f1(v) for v, n in LABELS.items()},
            }
            for k, s in scores.items()
        }
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
