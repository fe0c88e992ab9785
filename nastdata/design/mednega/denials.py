"""What options deny, as bit masks: by a finding's name and by each of its affirmative phrases.

"Clear lung parenchyma" for "no consolidation" denies edema as well. An option may use such a phrase only
beside findings that it doesn't deny, and be the right one only of a study of which nothing denied is known.
Both texts of an option are held to that: "no lung opacity" denies what is below lung opacity.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nastdata.design.mednega.label_masks import Studies
from nastdata.ontology import Ontology

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Denials:
    """Masks by position of the condition in the ontology; bit ``i`` is condition ``i``."""

    above: tuple[int, ...]
    """What is present whenever the condition is."""
    by_name: tuple[int, ...]
    """What "no (condition)" denies, the condition itself with it."""
    by_phrase: tuple[tuple[int, ...], ...]
    """What each affirmative phrase of the condition denies."""

    def narrowest(self, condition: int, present: int) -> tuple[int, ...]:
        """Return the denials of the phrases that fit beside present findings and deny least."""
        fit = {m for m in self.by_phrase[condition] if not m & present}
        return tuple(sorted(m for m in fit if not any(k != m and k & m == k for k in fit)))


@dataclass(frozen=True)
class Evidence:
    """What each study lets an option say and forbids it to deny, in the order of the studies.

    A label that another label of the study contradicts (no lung opacity, but edema) is stated by no option.
    """

    present: IntArray
    """Findings that may be called present."""
    absent: IntArray
    """Findings that may be called absent by name."""
    kept: IntArray
    """What no phrase may deny: what is present or uncertain; if strict, all that isn't known to be absent."""
    unknown: IntArray
    """What isn't known to be absent: a phrase that denies none of it is strict."""


def list_denials(ontology: Ontology, *, hierarchy: bool, phrases: bool) -> Denials:
    """Return the denials of an ontology.

    Args:
        ontology: Parents, and what names and phrases exclude.
        hierarchy: Whether findings and their parents are kept from contradicting one another.
        phrases: Whether affirmative phrases are held to what they exclude.
    """
    order, conditions = ontology.order, ontology.conditions
    own = {c.name: 1 << order[c.name] for c in conditions}

    def mask(names: Iterable[str]) -> int:
        return sum(own[n] for n in names)

    return Denials(
        above=tuple(mask(ontology.ancestors[c.name]) if hierarchy else 0 for c in conditions),
        by_name=tuple(
            mask(ontology.denied_by_name[c.name]) if hierarchy else own[c.name] for c in conditions
        ),
        by_phrase=tuple(
            tuple(mask(d) if phrases else own[c.name] for d in ontology.denied_by_phrase[c.name])
            for c in conditions
        ),
    )


def weigh_evidence(studies: Studies, denials: Denials, *, strict: bool) -> Evidence:
    """Work out what may be said of each study."""
    possible = studies.present | studies.uncertain
    present, absent, known = studies.present.copy(), studies.absent.copy(), studies.absent.copy()
    for i, (above, denied) in enumerate(zip(denials.above, denials.by_name, strict=True)):
        present &= ~np.where(studies.absent & above, 1 << i, 0)
        below = sum(1 << k for k, a in enumerate(denials.above) if a >> i & 1)
        known |= np.where(studies.absent >> i & 1, below, 0)
        absent &= ~np.where(possible & denied, 1 << i, 0)
    everything = (1 << len(denials.above)) - 1
    unknown = everything & ~(known & ~possible)
    if strict:
        for i, denied in enumerate(denials.by_name):
            absent &= ~np.where(unknown & denied, 1 << i, 0)
    return Evidence(present, absent, unknown if strict else possible, unknown)


def pick_phrase(
    masks: Sequence[int], uses: Sequence[tuple[int, int]], preferred: Sequence[int]
) -> list[int] | None:
    """Choose the phrases of one absent condition in the options that it is absent from.

    One phrase for all of them if there is one that fits all, else one for each.

    Args:
        masks: What each phrase denies.
        uses: (findings present in the option, what its study forbids to deny), one an option.
        preferred: Phrases in the order of preference.

    Returns:
        A phrase for each use; None if one of them has none.
    """
    fit = [{p for p in preferred if not masks[p] & (present | kept)} for present, kept in uses]
    shared = set.intersection(*fit)
    chosen = [next((p for p in preferred if p in (shared or f)), None) for f in fit]
    return None if None in chosen else [p for p in chosen if p is not None]
