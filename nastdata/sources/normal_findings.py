"""Denials that a report makes without a negation: "the heart is normal in size" is no cardiomegaly.

Only what is the opposite of a finding by itself counts: the size of the heart and the mediastinum, and the
angles of the pleura. "Clear lungs" says more than the absence of any one finding, and is passed over. The
words are in ``maps/normal_findings.tsv``, with an example each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from nastdata.ontology import Ontology
from nastdata.records import Fact
from nastdata.sources.places import read_map


@dataclass(frozen=True)
class _Sentence:
    """What a normal sentence looks like: its subject, then its state, or the other way about."""

    conditions: tuple[str, ...]
    pattern: re.Pattern[str]


def find_normal(sentences: Iterable[str], language: str, ontology: Ontology) -> list[Fact]:
    """Return the plain denials that sentences make by calling something normal.

    A sentence that holds a doubt, a limit ("upper limits of normal"), a look back or a "but" says nothing.

    Args:
        sentences: Of a report that is about this image.
        language: Code of their language; "es" is stemmed Spanish.
        ontology: Whose findings are wanted.
    """
    known, blocks = _load(language)
    wanted = [k for k in known if any(c in ontology.condition_by_name for c in k.conditions)]
    found: dict[Fact, None] = {}
    for sentence in sentences if wanted else ():
        lowered = " ".join(sentence.lower().split())
        if blocks is not None and blocks.search(lowered):
            continue
        for k in wanted:
            if k.pattern.search(lowered):
                names = (c for c in k.conditions if c in ontology.condition_by_name)
                found |= dict.fromkeys(Fact(c, "absent") for c in names)
    return list(found)


@lru_cache(maxsize=8)
def _load(language: str) -> tuple[tuple[_Sentence, ...], re.Pattern[str] | None]:
    rows = [r for r in read_map("normal_findings") if r["language"] == language]
    states = {r["conditions"]: r["pattern"] for r in rows if r["role"] == "state"}
    between = "|".join(r["pattern"] for r in rows if r["role"] == "between")
    blocks = "|".join(r["pattern"] for r in rows if r["role"] == "blocks")
    filler = rf"(?:[\s,/-]+(?:{between})\b)*[\s,]+"
    sentences = []
    for r in (r for r in rows if r["role"] == "subject"):
        state = next(p for c, p in states.items() if r["conditions"].split(";")[0] in c.split(";"))
        subject = rf"\b(?:{r['pattern']})\b(?! x{{3,}})"
        after = r"(?!\s*with\b|\s*for (?!size|contour|appearance))"
        pattern = (
            rf"{subject}{filler}(?<!xxxx )(?<!xxxx of )(?:{state})\b{after}"
            rf"|(?<!xxxx )\b(?:{state}){filler}{subject}"
        )
        sentences.append(_Sentence(tuple(r["conditions"].split(";")), re.compile(pattern)))
    return tuple(sentences), re.compile(rf"\b(?:{blocks})\b") if blocks else None


__all__ = ["find_normal"]
