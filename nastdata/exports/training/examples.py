"""Training examples: lettered questions, captions, and pairs of a true and a false statement."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

from nastdata.exports.harnesses.items import Item, list_items, list_tasks
from nastdata.exports.job import Job
from nastdata.images.export import NO_IMAGE, NOT_FOUND, is_blank
from nastdata.llm.answers.questions import list_letters, word_question
from nastdata.seeded import choose

Kind = Literal["mcq", "captions", "dpo"]
KINDS: tuple[Kind, ...] = ("mcq", "captions", "dpo")
NEEDS = "mednega, contextual_claims, contextual_captions or protocols, and their images"
PLACEHOLDER = "<image>"
"""What several loaders count as an image; a text that holds it is left out."""


@dataclass(frozen=True)
class Example:
    """One request with an answer; ``rejected`` is the false answer of a preference pair."""

    kind: Kind
    key: str
    source: str
    image: Any
    request: str
    answer: str
    rejected: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
    """Where it comes from: item_id, group_id, patient_id, config, and for pairs what the foil alters."""


def list_examples(job: Job, split: str, kind: Kind) -> Iterator[Example]:
    """Yield a split's examples of one kind; rows without an image are left out and counted.

    MedNega and claim sets keep their groups whole, so that the right letter can't be learnt from the
    text, and a pair of statements occurs in both directions.
    """
    if kind == "captions":
        yield from _list_captions(job, split)
        return
    one = replace(job, splits=(split,))
    for config, _ in list_tasks(job):
        if kind == "dpo" and config != "contextual_claims":
            continue
        for item in list_items(one, config, f"{kind} {split}", files=True):
            made = _make_pairs(job.seed, item) if kind == "dpo" else _make_questions(job.seed, item)
            for example in made:
                texts = (example.request, example.answer, example.rejected or "")
                if any(PLACEHOLDER in t for t in texts):
                    job.account.leave_out(f"{kind} {split}", f"a text holds {PLACEHOLDER}")
                else:
                    yield example


def _make_questions(seed: int, item: Item) -> Iterator[Example]:
    for wording, options in item.wordings.items():
        instruction = choose(load_instructions()["choose"], seed, "instruction", item.key, wording)
        request = word_question(
            item.question, options, instruction.replace("{letters}", list_letters(len(options)))
        )
        columns = {**_name(item), "wording": wording}
        yield Example(
            "mcq", f"{item.key}-{wording}", item.source, item.image, request, item.letter, None, columns
        )


def _make_pairs(seed: int, item: Item) -> Iterator[Example]:
    """The true claim against each false one: all K - 1, so that every pair has its reverse in the group."""
    claims = item.wordings["claims"]
    request = choose(load_instructions()["claim"], seed, "instruction", item.key)
    for i, claim in enumerate(claims):
        if i != item.answer:
            columns = {**_name(item), "altered": item.altered[i] or ""}
            yield Example(
                "dpo",
                f"{item.key}-{i}",
                item.source,
                item.image,
                request,
                claims[item.answer],
                claim,
                columns,
            )


def _list_captions(job: Job, split: str) -> Iterator[Example]:
    for row in job.rows("contextual_captions", split):
        if is_blank(row["image"]) or not job.has_image(row["source"], row["image"]):
            job.account.leave_out(f"captions {split}", NO_IMAGE if is_blank(row["image"]) else NOT_FOUND)
            continue
        if PLACEHOLDER in row["caption"]:
            job.account.leave_out(f"captions {split}", f"a text holds {PLACEHOLDER}")
            continue
        request = choose(load_instructions()["caption"], job.seed, "instruction", row["caption_id"])
        yield Example(
            "captions",
            row["caption_id"],
            row["source"],
            row["image"],
            request,
            row["caption"],
            None,
            {
                "item_id": row["caption_id"],
                "group_id": row["caption_id"],
                "patient_id": f"{row['source']}/{row['patient_id']}",
                "config": "contextual_captions",
                "negation_type": row["negation_type"],
            },
        )


def _name(item: Item) -> dict[str, str]:
    return {
        "item_id": item.key,
        "group_id": item.group,
        "patient_id": item.patient,
        "config": item.task,
    }


@lru_cache(maxsize=1)
def load_instructions() -> dict[str, list[str]]:
    """Return kind -> the ways to ask."""
    text = files("nastdata.exports.training").joinpath("instructions.json").read_text(encoding="utf-8")
    found: dict[str, list[str]] = json.loads(text)
    return found
