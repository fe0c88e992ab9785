"""Realisation of a plan: three labelled conditions become a negated and an affirmative sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from nastdata.ontology import Condition, Ontology, Phrase
from nastdata.writing.grammar.grammar import FRAMES, GroupFrame, SegmentFrame
from nastdata.writing.grammar.morphology import add_article, agree, agree_all, join_list
from nastdata.writing.grammar.phrases import Piece, fill_template, finish_texts
from nastdata.writing.grammar.phrasings import CUES
from nastdata.writing.grammar.plans import ORDERS, Plan

Texts = tuple[str, str, tuple[tuple[str, str], ...]]
"""(negated, affirmative, spans) as ``pieces.finish_texts`` returns them."""

# A preposition that need not be said again: "with A, with B" becomes "with A and B". Not before "no",
# whose scope would change.
_SHARED = re.compile(r"with (?!no |evidence )")
_ONE_CHANGE = frozenset({"with", "phrase"})
"""Kinds of segment in which "with A, without B, with C" could be read as "without B that has C"."""


class OptionGrammar:
    """Words options from plans, for one ontology."""

    def __init__(self, ontology: Ontology) -> None:
        self._conditions = ontology.condition_by_name
        self._subject = {"subject": ontology.subject.text, "a_subject": add_article(ontology.subject)}
        self._slots = {
            (c.name, i): _condition_slots(c, a)
            for c in ontology.conditions
            for i, a in enumerate(c.affirmative)
        }
        self._segments: dict[tuple[str, str, int], list[Piece]] = {}

    def word(
        self,
        plan: Plan,
        conditions: Sequence[str],
        labels: Sequence[int],
        phrases: Sequence[int] = (0, 0, 0),
    ) -> Texts:
        """Realise a plan.

        Args:
            plan: frame, order and cues.
            conditions: three names, in the order to which the plan refers.
            labels: 1 present, 0 absent, for each of them.
            phrases: for each of them, the affirmative phrase that stands for its absence.
        """
        frame = FRAMES[plan.frame]
        order = ORDERS[plan.order]
        if isinstance(frame, GroupFrame):
            said = [(conditions[i], labels[i], phrases[i]) for i in order]
            return self._word_groups(frame, plan, said)
        if frame.contrast or frame.kind in _ONE_CHANGE:
            order = tuple(sorted(order, key=lambda i: labels[i] != labels[order[0]]))
        cues = CUES[frame.kind]
        segments = [
            self._segment(
                cues.present[plan.present[i]] if labels[i] else cues.absent[plan.absent[i]],
                conditions[i],
                phrases[i],
            )
            for i in order
        ]
        return self._join_segments(frame, segments, [labels[i] for i in order])

    def _segment(self, cue: str, condition: str, phrase: int) -> list[Piece]:
        key = cue, condition, phrase
        if key not in self._segments:
            self._segments[key] = fill_template(cue, self._slots[condition, phrase])
        return self._segments[key]

    def _join_segments(
        self, frame: SegmentFrame, segments: Sequence[list[Piece]], labels: Sequence[int]
    ) -> Texts:
        joiners = [frame.first, frame.last]
        changes = [i for i, (a, b) in enumerate(pairwise(labels)) if a != b]
        if frame.contrast and changes:
            joiners = [frame.contrast if i == changes[0] else frame.pair for i in range(2)]
        pieces = fill_template(frame.opener, self._subject)
        filled = [[("", "")], *(fill_template(j, {}) for j in joiners)]
        if frame.kind in _ONE_CHANGE:
            left = _share_heads([_side(j, 0) for j in filled], [_side(s, 0) for s in segments])
            right = _share_heads([_side(j, 1) for j in filled], [_side(s, 1) for s in segments])
            pieces += zip(left, right, strict=True)
        else:
            for joiner, segment in zip(filled, segments, strict=True):
                pieces += joiner
                pieces += segment
        return finish_texts(pieces)

    def _word_groups(self, frame: GroupFrame, plan: Plan, said: Sequence[tuple[str, int, int]]) -> Texts:
        present = [self._conditions[c] for c, label, _ in said if label]
        absent = [self._conditions[c] for c, label, _ in said if not label]
        instead = [self._conditions[c].affirmative[p] for c, label, p in said if not label]
        template = frame.mixed if present and absent else frame.only_present if present else frame.only_absent
        cues = CUES["group"]
        slots = {
            **self._subject,
            "v": cues.present[plan.present[0]],
            "w": cues.absent[plan.absent[0]],
            **(_present_slots(present) if present else {}),
            **(_absent_slots(absent, instead) if absent else {}),
        }
        return finish_texts(fill_template(template, slots))


def _condition_slots(c: Condition, a: Phrase) -> dict[str, str]:
    return {
        "x": c.text,
        "X": add_article(c),
        "be": agree(c.number),
        "a": add_article(a),
        "abe": agree(a.number),
    }


def _present_slots(present: Sequence[Condition]) -> dict[str, str]:
    return {
        "p": join_list([c.text for c in present], "and"),
        "P": join_list([add_article(c) for c in present], "and"),
        "pbe": agree_all(present),
        "pf": agree(present[0].number),
    }


def _absent_slots(absent: Sequence[Condition], instead: Sequence[Phrase]) -> dict[str, str]:
    names = [c.text for c in absent]
    articled = [add_article(c) for c in absent]
    either = join_list(names, "or")
    two = len(absent) == 2
    return {
        "n": join_list(names, "and"),
        "N": join_list(articled, "and"),
        "o": either,
        "O": join_list(articled, "or"),
        "neither": f"neither {join_list(names, 'nor')}" if two else f"no {either}",
        "Neither": f"neither {join_list(articled, 'nor')}" if two else f"no {either}",
        "nbe": agree_all(absent),
        "nf": agree(absent[0].number),
        "nl": agree(absent[-1].number),
        "a": join_list([add_article(a) for a in instead], "and"),
        "abe": agree_all(instead),
        "af": agree(instead[0].number),
    }


def _side(pieces: Sequence[Piece], side: int) -> str:
    return "".join(p[side] for p in pieces)


def _share_heads(joiners: Sequence[str], segments: Sequence[str]) -> list[str]:
    """Join phrases, saying a preposition once where neighbours share it: "with A, B and C"."""
    heads = [_SHARED.match(s) is not None for s in segments]
    shares = [False, *(a and b for a, b in pairwise(heads)), False]
    out = []
    for i, (joiner, segment) in enumerate(zip(joiners, segments, strict=True)):
        if shares[i]:
            _, _, rest = segment.partition(" ")
            out.append((", " if shares[i + 1] else " and ") + rest)
        else:
            out.append(joiner + segment)
    return out
