"""What an evaluation yields: a value for each row, so that everything else is summing up.

Each function takes features (unit length, float32 numpy) and a frame, and returns outcomes; nothing here
knows a model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from nastdata.models.dataset_rows import Fact, get_fact
from nastdata.seeded import draw_int
from nastdata.statistics import Floats

Embed = Callable[[Sequence[str]], npt.NDArray[np.float32]]
Features = npt.NDArray[np.float32]
ORDERS = np.array(list(permutations(range(4))))
POOL = 100
"""Captions among which one is looked for, so that retrieval does not hang on a split's size."""
TOP = 10


@dataclass(frozen=True)
class Outcome:
    """One metric, row by row."""

    name: str
    values: Floats
    """1 right, 0 wrong, or a share."""
    clusters: list[str]
    """Patients (or prompts): what is resampled as a whole."""
    ids: list[str]
    """Rows' ids, by which models are compared."""
    strata: dict[str, list[str]]
    """Further splits: stratum name -> each row's value."""


def judge_questions(frame: pl.DataFrame, images: Features, embed: Embed, seed: int) -> list[Outcome]:
    """MedNega: accuracy on negated and affirmative options, groups matched both ways, image reliance."""
    answers = np.array(["ABCD".index(a) for a in frame["answer"]])
    patients, ids = frame["patient_id"].to_list(), frame["item_id"].to_list()
    strangers = find_strangers(patients, seed)
    out = []
    for kind in ("negated", "affirmative"):
        choices = _embed_lists(embed, frame[f"{kind}_choices"].to_list())
        right = _choose(images, choices) == answers
        out.append(Outcome(f"mcq_{kind}", right.astype(float), patients, ids, {}))
        out += _judge_reliance(kind, images, choices, answers, right, strangers, patients, ids)
        out += _judge_groups(kind, frame, images, choices[np.arange(len(answers)), answers])
    return out


def judge_claims(frame: pl.DataFrame, images: Features, embed: Embed) -> list[Outcome]:
    """Claim accuracy: the true claim of a set is nearest to the image."""
    sets = frame["claims"].to_list()
    flat = embed([t for texts in sets for t in texts])
    right, start = np.zeros(len(sets)), 0
    for i, (texts, answer) in enumerate(zip(sets, frame["answer"], strict=True)):
        right[i] = int(np.argmax(flat[start : start + len(texts)] @ images[i])) == answer
        start += len(texts)
    true = [n[a] for n, a in frame.select("claim_negations", "answer").iter_rows()]
    strata = {
        "truth": ["affirmative" if n == "none" else "negated" for n in true],
        "true_claim": true,
        "altered": frame["negation_type"].to_list(),
        "set_kind": frame["set_kind"].to_list(),
    }
    return [Outcome("claim", right, frame["patient_id"].to_list(), frame["set_id"].to_list(), strata)]


def judge_captions(frame: pl.DataFrame, images: Features, embed: Embed, seed: int) -> list[Outcome]:
    """Image-to-text R@1 and R@5 among blocks of captions; those that hold of the image too don't count.

    A caption is known to hold of an image if it states the same as some caption of the same study.
    """
    order = sorted(range(len(frame)), key=lambda i: draw_int(seed, "pool", frame["caption_id"][i]))
    facts = [get_fact(f, n) for f, n in frame.select("fact", "negation_type").iter_rows()]
    studies = frame["study_id"].to_list()
    known: dict[str, set[Fact]] = {}
    for study, fact in zip(studies, facts, strict=True):
        known.setdefault(study, set()).add(fact)
    texts = embed(frame["caption"].to_list())
    rank = np.zeros(len(frame))
    for start in range(0, len(order), POOL):
        block = order[start : start + POOL]
        scores = images[block] @ texts[block].T
        for a, i in enumerate(block):
            rival = np.array([facts[j] not in known[studies[i]] for j in block])
            rank[i] = int((scores[a][rival] >= scores[a, a]).sum())
    patients, ids = frame["patient_id"].to_list(), frame["caption_id"].to_list()
    strata = {"truth": frame["polarity"].to_list(), "negation_type": frame["negation_type"].to_list()}
    return [Outcome(f"recall@{k}", (rank < k).astype(float), patients, ids, strata) for k in (1, 5)]


def judge_prompts(frame: pl.DataFrame, images: Features, others: Features, embed: Embed) -> list[Outcome]:
    """CON: share of the ten images nearest to a prompt that it is true of, by style and polarity.

    Candidates are the images of which the quadruplets say that the prompt's condition holds or does not.
    """
    states: dict[str, dict[str, dict[str, Features]]] = {}
    rows = zip(frame.iter_rows(named=True), images, others, strict=True)
    for row, image, other in rows:
        here = states.setdefault(row["condition"], {"positive": {}, "negative": {}})
        opposite = "negative" if row["polarity"] == "positive" else "positive"
        here[row["polarity"]][row["image_id"]] = image
        here[opposite][row["distractor_image_id"]] = other
    prompts = sorted(set(frame.select("prompt", "style", "polarity", "condition").iter_rows()))
    vectors = embed([p[0] for p in prompts])
    values = []
    for (_, _, polarity, condition), vector in zip(prompts, vectors, strict=True):
        yes = list(states[condition][polarity].values())
        no = list(states[condition]["negative" if polarity == "positive" else "positive"].values())
        scores = np.concatenate([np.stack(yes) @ vector, np.stack(no) @ vector])
        best = np.argsort(-scores, kind="stable")[: min(TOP, len(scores))]
        values.append(float((best < len(yes)).mean()))
    strata = {"kind": [f"{style} {polarity}" for _, style, polarity, _ in prompts]}
    ids = [f"{p[3]}|{p[0]}" for p in prompts]
    return [Outcome(f"prompt_top{TOP}", np.array(values), ids, ids, strata)]


def judge_choices(frame: pl.DataFrame, images: Features, embed: Embed) -> list[Outcome]:
    """Multiple choice of other people's tables: choices, answer (index), kind, patient_id, item_id."""
    choices = _embed_lists(embed, frame["choices"].to_list())
    right = _choose(images, choices) == frame["answer"].to_numpy()
    ids = frame["item_id"].to_list()
    return [
        Outcome(
            "mcq", right.astype(float), frame["patient_id"].to_list(), ids, {"kind": frame["kind"].to_list()}
        )
    ]


def _embed_lists(embed: Embed, lists: Sequence[Sequence[str]]) -> npt.NDArray[np.float32]:
    """(rows, choices, dim)."""
    flat = embed([t for texts in lists for t in texts])
    return flat.reshape(len(lists), len(lists[0]), -1)


def _choose(images: Features, choices: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    best: npt.NDArray[np.int64] = np.einsum("nd,nkd->nk", images, choices).argmax(axis=1)
    return best


def find_strangers(patients: Sequence[str], seed: int) -> npt.NDArray[np.int64]:
    """For each row, a row of another patient (a rotation of a hashed order); itself if there is none."""
    order = sorted(range(len(patients)), key=lambda i: draw_int(seed, "stranger", i))
    out = np.arange(len(patients))
    for at, i in enumerate(order):
        for ahead in range(1, len(order)):
            j = order[(at + ahead) % len(order)]
            if patients[j] != patients[i]:
                out[i] = j
                break
    return out


def _judge_reliance(
    kind: str,
    images: Features,
    choices: npt.NDArray[np.float32],
    answers: npt.NDArray[np.int64],
    right: npt.NDArray[np.bool_],
    strangers: npt.NDArray[np.int64],
    patients: list[str],
    ids: list[str],
) -> list[Outcome]:
    """Right answers that survive when the image is another patient's, or no image (the mean of all)."""
    if not right.any():
        return []
    at = np.flatnonzero(right)
    blank = np.repeat(images.mean(axis=0, keepdims=True), len(at), axis=0)
    out = []
    for name, shown in (("swapped", images[strangers[at]]), ("blanked", blank)):
        kept = (_choose(shown, choices[at]) == answers[at]).astype(float)
        out.append(
            Outcome(f"survives_{name}_{kind}", kept, [patients[i] for i in at], [ids[i] for i in at], {})
        )
    return out


def _judge_groups(kind: str, frame: pl.DataFrame, images: Features, truths: Features) -> list[Outcome]:
    """Four images, four statements: each image finds its text, each text its image, all eight, matching."""
    members: dict[str, list[int]] = {}
    for i, group in enumerate(frame["group_id"]):
        members.setdefault(group, []).append(i)
    whole = {g: rows for g, rows in sorted(members.items()) if len(rows) == 4}
    if not whole:
        return []
    values: dict[str, list[float]] = {"image_to_text": [], "text_to_image": [], "group": [], "matching": []}
    own = np.arange(4)
    for rows in whole.values():
        scores = images[rows] @ truths[rows].T
        forth, back = scores.argmax(axis=1) == own, scores.argmax(axis=0) == own
        values["image_to_text"].append(float(forth.all()))
        values["text_to_image"].append(float(back.all()))
        values["group"].append(float(forth.all() and back.all()))
        values["matching"].append(float(scores[own[None, :], ORDERS].sum(axis=1).argmax() == 0))
    groups = list(whole)
    return [Outcome(f"{name}_{kind}", np.array(v), groups, groups, {}) for name, v in values.items()]


def read_states(frames: dict[str, pl.DataFrame]) -> dict[str, dict[tuple[str, str], int]]:
    """Return condition -> image key -> 1 present, 0 absent, from every config that tells."""
    out: dict[str, dict[tuple[str, str], int]] = {}

    def note(condition: str, row: dict[str, Any], value: int) -> None:
        if row["image"] is not None:
            out.setdefault(condition, {})[(row["source"], row["image"])] = value

    for row in frames.get("mednega", pl.DataFrame()).iter_rows(named=True):
        labels = row["choice_labels"]["ABCD".index(row["answer"])]
        for condition, label in zip(row["conditions"], labels, strict=True):
            note(condition, row, label)
    for row in frames.get("protocols", pl.DataFrame()).iter_rows(named=True):
        fact = row["choice_facts"][row["answer"]]
        note(fact["condition"], row, int(fact["existence"] == "present"))
    for row in frames.get("contextual_captions", pl.DataFrame()).iter_rows(named=True):
        fact = row["fact"]
        if fact["existence"] == "present" and row["negation_type"] in ("none", "location"):
            note(fact["condition"], row, 1)
        elif row["negation_type"] == "existence":
            note(fact["condition"], row, 0)
    return out
