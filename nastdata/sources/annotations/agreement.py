"""Several readers of one image: present if enough agree, absent if none says it, doubtful otherwise."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from nastdata.sources.annotations.label_maps import LabelMap


def count_votes(labels_by_reader: Mapping[str, Iterable[str]], labels: LabelMap) -> dict[str, int]:
    """Count the readers who state each condition, by any of the labels that mean it.

    Args:
        labels_by_reader: Reader -> labels given.
        labels: Their meaning.
    """
    votes: dict[str, int] = {}
    for given in labels_by_reader.values():
        for condition in {c for label in given for c in labels.find_stated(label)}:
            votes[condition] = votes.get(condition, 0) + 1
    return votes


def judge_votes(
    votes: Mapping[str, int], deniable: Collection[str], needed: int
) -> tuple[list[str], list[str], list[str]]:
    """Return the conditions that are (present, absent, doubtful) by votes.

    Args:
        votes: Condition -> number of readers who state it.
        deniable: Conditions that every reader looked for.
        needed: How many must agree; fewer, but not none, is doubt.
    """
    present = [c for c, n in votes.items() if n >= needed]
    doubtful = [c for c, n in votes.items() if 0 < n < needed]
    return present, [c for c in deniable if not votes.get(c)], doubtful
