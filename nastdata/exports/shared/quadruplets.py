"""Quadruplets: an image and its prompt, and an image of which another, false one is true."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nastdata.exports.job import Job
from nastdata.exports.shared.group_index import MateIndex
from nastdata.seeded import choose

GROUPED = ("mednega", "contextual_claims")
"""Configs whose groups give quadruplets: questions that share their texts, each with another one true."""


@dataclass(frozen=True, slots=True)
class Quadruplet:
    """Paths of two images, and the text that is true of each and false of the other."""

    image: str
    prompt: str
    distractor_image: str
    distractor_prompt: str


def list_pairs(job: Job, where: str, split: str) -> Iterator[Quadruplet]:
    """Yield the rows of ``opposition``; what can't be used is counted under ``where``."""
    for q in job.questions(split, ("opposition",)):
        if not job.fits(where, q.texts):
            continue
        path = job.find_image(where, q.source, q.image)
        other = job.find_image(where, q.source, q.distractor) if path is not None else None
        if path is not None and other is not None:
            yield Quadruplet(path, q.truth, other, q.texts[1 - q.answer])


def list_quadruplets(job: Job, where: str, split: str) -> Iterator[Quadruplet]:
    """Yield the quadruplets of a split: those of ``opposition``, then one a row of grouped questions."""
    yield from list_pairs(job, where, split)
    for config in GROUPED:
        if split not in job.folder.files.get(config, {}):
            continue
        with MateIndex(job, where, config, split) as mates:
            for q, path in mates.questions():
                prompt, other, _ = choose(mates.find(q, path), job.seed, "distractor", q.key)
                yield Quadruplet(path, q.truth, other, prompt)
