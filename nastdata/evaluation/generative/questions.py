"""What a generative model is asked: a dataset's questions, in any order of options, with controls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl

from nastdata.errors import UserError
from nastdata.evaluation.outcomes import find_strangers
from nastdata.images.store import ImageKey
from nastdata.llm.answers.questions import CLAIM_QUESTION, INSTRUCTION, word_question
from nastdata.models.dataset_rows import Data
from nastdata.seeded import draw_int, shuffle

Control = Literal["image", "text_only", "swapped"]
"""What is shown: the question's own image, none, or another patient's."""
NOT_ASKED = {
    "contextual_captions": "captions have no wrong options",
    "probes": "probes are pairs for tracing",
    "opposition": "quadruplets are for dual encoders",
}
"""Configs that hold no multiple-choice question, and why."""
TWO_WAY = "two_way"
PAIR_QUESTION = 'Two images are shown. Of which of them is this statement true: "{text}"'
PAIR_OPTIONS = ("The first image", "The second image")


@dataclass(frozen=True, eq=False)
class VisionQuestion:
    """One question with its options, in the dataset's order."""

    key: str
    metric: str
    """``mcq_negated``, ``mcq_affirmative``, ``claim``, ``presence``, ..."""
    image: ImageKey
    question: str
    options: tuple[str, ...]
    answer: int
    patient: str
    group: str | None
    """Questions of one group share their texts; each has another one true."""
    strata: dict[str, str] = field(default_factory=dict)
    conditions: tuple[str, ...] = ()
    labels: tuple[tuple[int, ...], ...] = ()
    """MedNega: what each option says of each condition."""
    second: ImageKey | None = None
    """Of a question about two images: the one that is shown second."""


@dataclass(frozen=True)
class Asked:
    """A question as it is put: in one order of its options, with one image or none."""

    question: VisionQuestion
    control: Control
    order: tuple[int, ...]
    """The options' numbers as shown: the first is A."""
    image: ImageKey | None
    prompt: str
    second: ImageKey | None = None

    @property
    def images(self) -> tuple[ImageKey, ...]:
        """The images that are shown, in their order."""
        return tuple(i for i in (self.image, self.second) if i is not None)

    @property
    def options(self) -> tuple[str, ...]:
        """The options' texts as shown."""
        return tuple(self.question.options[i] for i in self.order)


def read_questions(
    data: Data, split: str | None, limit: int | None
) -> tuple[list[VisionQuestion], list[str]]:
    """Return a dataset's questions, and what of it can't be asked, in words.

    Raises:
        UserError: if it has no questions at all.
    """
    out: list[VisionQuestion] = []
    notes = []
    for config in data.frames:
        if config in NOT_ASKED:
            notes.append(f"{config}: not put to a generative model ({NOT_ASKED[config]})")
            continue
        frame = data.rows(config, split, limit)
        without = int(data.frames[config]["image"].null_count())
        if without:
            notes.append(f"{config}: {without:,} rows without an image are left out")
        out += [q for row in frame.iter_rows(named=True) for q in _read_row(config, row)]
        if config == "protocols":
            out += _pair_images(frame.filter(pl.col("protocol") == TWO_WAY))
    if not out:
        raise UserError(
            "no questions for a generative model",
            where=str(data.folder.path),
            how="give a folder with mednega, contextual_claims or a protocol; here: "
            + (", ".join(data.frames) or "nothing"),
        )
    return out, notes


def _read_row(config: str, row: dict[str, Any]) -> Iterator[VisionQuestion]:
    image, patient = (row["source"], row["image"]), f"{row['source']}/{row['patient_id']}"
    if config == "mednega":
        answer = "ABCD".index(row["answer"])
        labels = tuple(tuple(x) for x in row["choice_labels"])
        for wording in ("negated", "affirmative"):
            yield VisionQuestion(
                key=row["item_id"],
                metric=f"mcq_{wording}",
                image=image,
                question=row["question"],
                options=tuple(row[f"{wording}_choices"]),
                answer=answer,
                patient=patient,
                group=row["group_id"],
                conditions=tuple(row["conditions"]),
                labels=labels,
            )
    elif config == "contextual_claims":
        negation = row["claim_negations"][row["answer"]]
        denied = row["claim_facts"][row["answer"]]["existence"] == "absent"
        yield VisionQuestion(
            key=row["set_id"],
            metric="claim",
            image=image,
            question=CLAIM_QUESTION,
            options=tuple(row["claims"]),
            answer=row["answer"],
            patient=patient,
            group=row["group_id"],
            strata={
                "truth": "affirmative" if negation == "none" else "negated",
                "true_claim": negation,
                "altered": row["negation_type"],
                "set_kind": row["set_kind"],
                "condition": row["condition"],
                "condition_polarity": f"{row['condition']}, {'absent' if denied else 'present'}",
            },
        )
    elif config == "protocols":
        existence = row["choice_facts"][row["answer"]]["existence"]
        yield VisionQuestion(
            key=row["item_id"],
            metric=row["protocol"],
            image=image,
            question=row["question"],
            options=tuple(row["choices"]),
            answer=row["answer"],
            patient=patient,
            group=row["group_id"],
            strata={
                "polarity": row["polarity"],
                "condition": row["condition"],
                "truth_of_finding": existence,
                "condition_polarity": f"{row['condition']}, {existence}",
            },
        )
    elif config == "choices":
        yield VisionQuestion(
            key=row["item_id"],
            metric="mcq",
            image=image,
            question="Which caption describes this image?",
            options=tuple(row["choices"]),
            answer=row["answer"],
            patient=patient,
            group=None,
            strata={"kind": row["kind"]},
        )


def _pair_images(frame: pl.DataFrame) -> Iterator[VisionQuestion]:
    """Text to image: for each statement of a group of two, which of its two images fits it.

    Both statements meet the images in one order, drawn by a hash of the group: "the first" is right once.
    """
    for _, part in frame.group_by("group_id", maintain_order=True):
        rows = part.to_dicts()
        if len(rows) != 2 or None in (rows[0]["image"], rows[1]["image"]):
            continue
        images = [(r["source"], r["image"]) for r in rows]
        group = rows[0]["group_id"]
        first = draw_int(0, "first-image", group) % 2
        for option, text in enumerate(rows[0]["choices"]):
            own = 0 if rows[0]["answer"] == option else 1
            fact = rows[0]["choice_facts"][option]
            yield VisionQuestion(
                key=f"{group}/{option}",
                metric=f"{TWO_WAY}_text_to_image",
                image=images[first],
                second=images[1 - first],
                question=PAIR_QUESTION.format(text=text),
                options=PAIR_OPTIONS,
                answer=0 if own == first else 1,
                patient=f"{rows[own]['source']}/{rows[own]['patient_id']}",
                group=group,
                strata={
                    "polarity": rows[0]["polarity"],
                    "condition": rows[own]["condition"],
                    "text": "affirmative" if fact["existence"] == "present" else "negated",
                },
            )


def put_questions(
    questions: Sequence[VisionQuestion],
    *,
    orders: int,
    controls: bool,
    seed: int,
    instruction: str = INSTRUCTION,
) -> tuple[list[Asked], int]:
    """Return all that is to be asked, and how many questions have no stranger's image.

    Args:
        questions: of one dataset.
        orders: orders of options for each question; the first is the dataset's own.
        controls: whether to ask each question without an image, and with another patient's, too.
        seed: of the orders and of the strangers.
        instruction: the prompt's last line; ``{letters}`` is "A, B, C or D".
    """
    strangers = find_strangers([q.patient for q in questions], seed)
    out: list[Asked] = []
    alone = 0
    for i, q in enumerate(questions):
        shown: list[tuple[Control, ImageKey | None]] = [("image", q.image)]
        if controls:
            shown.append(("text_only", None))
        if controls and q.second is None:
            other = questions[int(strangers[i])]
            if other.patient == q.patient:
                alone += 1
            else:
                shown.append(("swapped", other.image))
        for order in draw_orders(q, orders, seed):
            prompt = word_question(q.question, [q.options[k] for k in order], instruction)
            out += [
                Asked(q, control, order, image, prompt, q.second if control == "image" else None)
                for control, image in shown
            ]
    return out, alone


def draw_orders(q: VisionQuestion, count: int, seed: int) -> list[tuple[int, ...]]:
    """Return ``count`` orders of a question's options.

    The first is the dataset's own. The others are rotations of it, in an order drawn from the seed, so that
    with as many orders as options each option is shown at each letter once; beyond that, they
    are rotations of shuffles.
    """
    n = len(q.options)
    own = tuple(range(n))
    out = [own]
    turns = shuffle(range(1, n), seed, "option-order", q.key, q.metric)
    out += [tuple((i + t) % n for i in range(n)) for t in turns]
    lap = 0
    while len(out) < count:
        base = shuffle(range(n), seed, "option-shuffle", q.key, q.metric, lap)
        out += [tuple(base[(i + t) % n] for i in range(n)) for t in range(n)]
        lap += 1
    return out[:count]
