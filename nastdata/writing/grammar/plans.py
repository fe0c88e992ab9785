"""Sentence plans: which frame, in which order, with which cues, drawn without a look at the labels.

A plan belongs to three conditions and a wording index. It is realised for whichever polarities are asked
for, so the four options of a question that share it differ in polarity only, as far as grammar allows, and
the wording can tell nothing about the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from math import gcd

from nastdata.seeded import draw_int
from nastdata.writing.grammar.grammar import FRAMES, GroupFrame, SegmentFrame
from nastdata.writing.grammar.phrasings import CUES

ORDERS: tuple[tuple[int, ...], ...] = tuple(permutations(range(3)))
"""The orders in which three conditions can be mentioned; a plan names one by its place here."""
_STRIDES = tuple(s for s in range(1, len(FRAMES)) if gcd(s, len(FRAMES)) == 1)


@dataclass(frozen=True, slots=True)
class Plan:
    """How to word three conditions; independent of which of them are present.

    ``order`` lists positions of the statement's conditions in their order of mention; ``present`` and
    ``absent`` hold, per condition, which cue it takes if it is present or absent.
    """

    frame: int
    order: int
    present: tuple[int, int, int]
    absent: tuple[int, int, int]

    @property
    def plan_id(self) -> str:
        """Name of the plan: frame, order, and the cues of presence and absence by condition."""
        p, a = "-".join(map(str, self.present)), "-".join(map(str, self.absent))
        return f"f{self.frame:03d}.o{self.order}.p{p}.a{a}"


def draw_plan(seed: int, conditions: Sequence[str], index: int) -> Plan:
    """Draw the plan of a triple's wording.

    Successive indices walk through all frames before one comes again, from a start and with a stride that
    are drawn for the triple; order and cues are drawn for each index.

    Args:
        seed: the build's seed.
        conditions: the three names, in ontology order.
        index: number of the wording, from 0.
    """
    walk = draw_int(seed, "frames", *conditions)
    n = len(FRAMES)
    frame = (walk % n + index * _STRIDES[(walk >> 20) % len(_STRIDES)]) % n
    draw = draw_int(seed, "plan", *conditions, index)
    draw, order = divmod(draw, len(ORDERS))
    n_present, n_absent = count_cues(frame)
    digits: list[int] = []
    for size in (n_present, n_absent) * 3:
        draw, digit = divmod(draw, size)
        digits.append(digit)
    if isinstance(FRAMES[frame], GroupFrame):  # one verb for each of the two lists
        digits = digits[:2] * 3
    return Plan(frame, order, (digits[0], digits[2], digits[4]), (digits[1], digits[3], digits[5]))


def count_cues(frame: int) -> tuple[int, int]:
    """Return how many cues of presence and of absence a frame chooses from."""
    f = FRAMES[frame]
    cues = CUES[f.kind if isinstance(f, SegmentFrame) else "group"]
    return len(cues.present), len(cues.absent)
