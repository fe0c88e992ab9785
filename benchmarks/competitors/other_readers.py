"""Reads texts with another library's negation rules, in that library's own environment.

    python other_readers.py medspacy TASK.json ANSWER.json

TASK holds ``names`` (condition -> names, ours) and ``texts``; ANSWER gets ``labels`` (one object a text:
condition -> 1 present, 0 absent, -1 uncertain), ``seconds`` of processor time for reading, and ``versions``.
It imports nothing of nastdata, so that it runs under an older NumPy. All libraries find the same names in the
same way; mentions are combined as our reader combines its own: present beats uncertain beats absent.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

Mention = tuple[str, int]
Reader = Callable[[str], Iterable[Mention]]
RANK = {1: 2, -1: 1, 0: 0}
ELSEWHERE = ("history", "indication", "comparison", "technique", "reason", "exam", "procedure", "education")
"""medSpaCy's section categories that say nothing of this image, by a part of their name."""


def load_medspacy(names: dict[str, list[str]]) -> Reader:
    """MedSpaCy: PyRuSH sentences, ConText, and its section detection."""
    import sys

    import medspacy
    from loguru import logger
    from medspacy.target_matcher import TargetRule

    logger.remove()
    logger.add(sys.stderr, level="ERROR")
    parts = ["medspacy_pyrush", "medspacy_target_matcher", "medspacy_context", "medspacy_sectionizer"]
    nlp = medspacy.load(medspacy_enable=parts)
    rules = [TargetRule(name, condition) for condition, known in names.items() for name in known]
    nlp.get_pipe("medspacy_target_matcher").add(rules)

    def read(text: str) -> Iterable[Mention]:
        for ent in nlp(text).ents:
            about = ent._
            section = str(about.section_category or "").lower()
            if about.is_historical or about.is_hypothetical or about.is_family:
                continue
            if any(word in section for word in ELSEWHERE):
                continue
            yield ent.label_, 0 if about.is_negated else -1 if about.is_uncertain else 1

    return read


def load_negspacy(names: dict[str, list[str]]) -> Reader:
    """NegspaCy: NegEx with the clinical term set. It knows no doubt."""
    import spacy
    from negspacy.negation import Negex  # noqa: F401  (registers "negex")
    from negspacy.termsets import termset

    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    ruler = nlp.add_pipe("entity_ruler", config={"phrase_matcher_attr": "LOWER"})
    ruler.add_patterns([{"label": c, "pattern": name} for c, known in names.items() for name in known])
    nlp.add_pipe("negex", config={"neg_termset": termset("en_clinical").get_patterns()})

    def read(text: str) -> Iterable[Mention]:
        for ent in nlp(text).ents:
            yield ent.label_, 0 if ent._.negex else 1

    return read


def load_radtext(names: dict[str, list[str]]) -> Reader:
    """RadText: its pipeline of regular expressions and dependency patterns (NegBio's), parsed by spaCy.

    Needs a small English model of spaCy (``python -m spacy download en_core_web_sm``). Without one only its
    regular expressions run.
    """
    import logging
    import warnings

    import bioc
    import radtext
    import spacy
    from radtext.neg.match_ngrex import NegGrex
    from radtext.neg.match_regex import NegRegex
    from radtext.neg.neg_pipeline import BioCNeg
    from radtext.preprocess_spacy import BioCSpacy

    logging.disable(logging.ERROR)  # it logs every mention whose sentence has no graph
    patterns = Path(radtext.__file__).parent / "resources" / "patterns"
    kinds = ("negation", "uncertainty_pre_negation", "uncertainty_post_negation", "double_negation")
    regex, graph = (
        make(*(str(patterns / f"{form}_{kind}.yml") for kind in kinds))
        for make, form in ((NegRegex, "regex"), (NegGrex, "ngrex"))
    )
    models = [m for m in spacy.util.get_installed_models() if m.startswith("en_core_web_sm")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a model of another minor version works
        nlp = spacy.load(models[0], exclude=["ner"]) if models else spacy.blank("en")
    if not models:
        nlp.add_pipe("sentencizer")
    ruler = nlp.add_pipe("entity_ruler", config={"phrase_matcher_attr": "LOWER"})
    ruler.add_patterns([{"label": c, "pattern": name} for c, known in names.items() for name in known])
    whole, parse = BioCNeg(regex_actor=regex, ngrex_actor=graph), BioCSpacy(nlp)

    def judge_by_regex(passage: Any) -> None:
        for found in passage.annotations:
            regex.setup(passage, found)
            match = (
                regex.match_uncertainty_pre_neg() or regex.match_neg() or regex.match_uncertainty_post_neg()
            )
            if match:
                found.infons[match.category] = "True"

    def read(text: str) -> Iterable[Mention]:
        passage = bioc.BioCPassage()
        passage.offset, passage.text = 0, text
        for ent in nlp(text).ents:
            found = bioc.BioCAnnotation()
            found.text, found.infons["label"] = ent.text, ent.label_
            found.add_location(bioc.BioCLocation(ent.start_char, len(ent.text)))
            passage.add_annotation(found)
        if models:
            parse.process_passage(passage, "")
            whole.process_passage(passage, "")
        else:
            judge_by_regex(passage)
        for found in passage.annotations:
            marks = found.infons
            yield marks["label"], 0 if "negation" in marks else -1 if "uncertainty" in marks else 1

    return read


READERS: dict[str, tuple[Callable[[dict[str, list[str]]], Reader], tuple[str, ...]]] = {
    "medspacy": (load_medspacy, ("medspacy", "spacy")),
    "negspacy": (load_negspacy, ("negspacy", "spacy")),
    "radtext": (load_radtext, ("radtext", "spacy")),
}


def combine(mentions: Iterable[Mention]) -> dict[str, int]:
    """Return the labels of a text from its mentions."""
    labels: dict[str, int] = {}
    for condition, value in mentions:
        if condition not in labels or RANK[value] > RANK[labels[condition]]:
            labels[condition] = value
    return labels


def main() -> None:
    """Read the task, answer it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reader", choices=list(READERS))
    parser.add_argument("task", type=Path)
    parser.add_argument("answer", type=Path)
    args = parser.parse_args()
    task: dict[str, Any] = json.loads(args.task.read_text(encoding="utf-8"))
    load, packages = READERS[args.reader]
    read = load(task["names"])
    combine(read("No pleural effusion."))  # what is built at the first text is not timed
    started = time.process_time()
    labels = [combine(read(text)) for text in task["texts"]]
    seconds = time.process_time() - started
    versions = {p: re.sub(r"\+.*", "", version(p)) for p in packages}
    args.answer.write_text(json.dumps({"labels": labels, "seconds": seconds, "versions": versions}))


if __name__ == "__main__":
    main()
