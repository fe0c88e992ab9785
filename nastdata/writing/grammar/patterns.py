"""How many ways of saying it there are: every sentence pattern, with the conditions abstracted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from nastdata.ontology import Alternative, Condition, Ontology, Phrase, Review
from nastdata.writing.grammar.grammar import FRAMES, GroupFrame
from nastdata.writing.grammar.options import OptionGrammar
from nastdata.writing.grammar.plans import ORDERS, Plan, count_cues

NAMES = ("A", "B", "C")
"""What stands for the three conditions in a pattern; their alternatives are A', B' and C'."""
MIXED: tuple[tuple[int, ...], ...] = tuple(p for p in product((0, 1), repeat=3) if len(set(p)) == 2)


@dataclass(frozen=True, slots=True)
class PatternCounts:
    """The size of the grammar of options."""

    frames: int
    """Ways of joining three statements."""
    patterns: int
    """Distinct negated sentences, conditions abstracted and in fixed order, one cue throughout a sentence."""
    plans: int
    """Frame x order x a cue for each condition's presence and absence."""


@lru_cache(maxsize=1)
def count_patterns() -> PatternCounts:
    """Count frames, sentence patterns and plans."""
    plans = 0
    for i, frame in enumerate(FRAMES):
        present, absent = count_cues(i)
        cues = present * absent if isinstance(frame, GroupFrame) else (present * absent) ** 3
        plans += len(ORDERS) * cues
    return PatternCounts(len(FRAMES), len(list_patterns()), plans)


def list_patterns() -> list[tuple[str, str]]:
    """Return (negated, affirmative) patterns of mixed polarity, e.g. ("A noted, without B or C.", ...)."""
    grammar = OptionGrammar(_abstract_ontology())
    found: dict[str, str] = {}
    for i in range(len(FRAMES)):
        present, absent = count_cues(i)
        for cue in range(max(present, absent)):
            p, n = cue % present, cue % absent
            plan = Plan(i, 0, (p, p, p), (n, n, n))
            for labels in MIXED:
                negated, affirmative, _ = grammar.word(plan, NAMES, labels)
                found.setdefault(negated, affirmative)
    return list(found.items())


def _abstract_ontology() -> Ontology:
    conditions = tuple(Condition(name=n, text=n, affirmative=(Alternative(text=f"{n}'"),)) for n in NAMES)
    return Ontology(
        name="abstract",
        version=1,
        subject=Phrase(text="image", article="an"),
        review=Review(status="no domain"),
        conditions=conditions,
    )
