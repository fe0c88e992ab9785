"""Judges a model on every test, row by row, and keeps the rows: everything later is summing up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from experiment.generalisation import TESTS
from experiment.method import Place, open_rows
from experiment.scorer import Features, Scorer
from experiment.sizes import Size
from nastdata.evaluation import outcomes
from nastdata.evaluation.outcomes import Outcome
from nastdata.models.base import DualEncoder
from nastdata.models.dataset_rows import Data, get_keys
from nastdata.models.image_features import embed_images

Judged = dict[str, npt.NDArray[Any]]
"""``TEST/METRIC/values``, ``.../patients`` and, of some, ``.../truth``: one entry a row."""
AS_TRAINED = "contextual"
VALIDATION = "validation"
STRATA = ("truth", "kind")
"""By which stratum of an outcome rows are divided: what the true claim does; kind of a prompt."""


def judge(encoder: DualEncoder, scorer: Scorer, place: Place, size: Size) -> Judged:
    """Return the outcomes of one model on all tests.

    Args:
        encoder: Whose image features are looked at (kept ones are read).
        scorer: The model that is judged.
        place: Where the tests are.
        size: Of the study.
    """
    out: Judged = {}
    for name in (AS_TRAINED, *TESTS, "mednega", "opposition"):
        data = open_rows(place.data(name), size)
        for outcome in _judge_data(encoder, scorer, data, place.cache, "test"):
            _keep(out, name, outcome)
    data = open_rows(place.data(AS_TRAINED), size)
    rows = data.rows("contextual_claims", "validation")
    look = scorer.look(embed_images(encoder, data.store, get_keys(rows), place.cache).float().numpy())
    for outcome in judge_claims(rows, look, scorer):
        _keep(out, VALIDATION, outcome)
    return out


def judge_claims(frame: pl.DataFrame, images: Features, scorer: Scorer) -> list[Outcome]:
    """Claim accuracy, and what an offset between polarities would change.

    ``own``: whether the true claim beats the false ones of its own polarity. ``margin``: its score less the
    best of the other polarity. With an offset b added to every claim that denies, a set whose truth denies is
    right where own and margin + b > 0, one whose truth affirms where own and margin - b > 0.
    """
    (found,) = outcomes.judge_claims(frame, images, scorer.read)
    flat = scorer.read([t for texts in frame["claims"] for t in texts])
    own, margin, start = np.ones(len(frame)), np.full(len(frame), np.inf), 0
    columns = frame.select("claims", "answer", "claim_negations").iter_rows()
    for i, (texts, answer, negations) in enumerate(columns):
        scores = flat[start : start + len(texts)] @ images[i]
        start += len(texts)
        denies = np.array([n != "none" for n in negations])
        same = denies == denies[answer]
        same[answer] = False
        if same.any():
            own[i] = float(scores[answer] > scores[same].max())
        other = denies != denies[answer]
        if other.any():
            margin[i] = scores[answer] - scores[other].max()
    parts = (("claim", found.values), ("own", own), ("margin", margin))
    return [Outcome(n, v, found.clusters, found.ids, found.strata) for n, v in parts]


def _judge_data(
    encoder: DualEncoder, scorer: Scorer, data: Data, cache: Path, split: str
) -> Iterator[Outcome]:
    def look(frame: pl.DataFrame, column: str = "image") -> Features:
        features = embed_images(encoder, data.store, get_keys(frame, column), cache)
        return scorer.look(features.float().numpy())

    for config in data.frames:
        rows = data.rows(config, split)
        if config == "contextual_claims":
            yield from judge_claims(rows, look(rows), scorer)
        elif config == "contextual_captions":
            yield from outcomes.judge_captions(rows, look(rows), scorer.read, 0)
        elif config == "mednega":
            yield from outcomes.judge_questions(rows, look(rows), scorer.read, 0)
            yield from judge_conditions(data, split, look, scorer)
        elif config == "opposition":
            rows = rows.filter(pl.col("distractor_image").is_not_null())
            yield from outcomes.judge_prompts(rows, look(rows), look(rows, "distractor_image"), scorer.read)


def judge_conditions(data: Data, split: str, look: Any, scorer: Scorer) -> Iterator[Outcome]:
    """Zero-shot AUC of each condition: affirmative prompt, negated prompt (reversed), their difference."""
    from sklearn.metrics import roc_auc_score

    from nastdata.evaluation.run import LEAST, word_condition
    from nastdata.ontology import load_ontology

    ontology = load_ontology("chest_xray")
    frames = {k: f.filter(pl.col("split") == split) for k, f in data.frames.items()}
    found: dict[str, list[float]] = {"affirmative": [], "negated": [], "difference": []}
    names = []
    for condition, states in sorted(outcomes.read_states(frames).items()):
        keys = sorted(states)
        truth = np.array([states[k] for k in keys])
        if min(truth.sum(), len(truth) - truth.sum()) < LEAST:
            continue
        images = look(pl.DataFrame({"source": [k[0] for k in keys], "image": [k[1] for k in keys]}))
        yes, no = scorer.read(list(word_condition(ontology, condition)))
        names.append(condition)
        scores = {"affirmative": images @ yes, "negated": -(images @ no), "difference": images @ (yes - no)}
        for kind, score in scores.items():
            found[kind].append(float(roc_auc_score(truth, score)))
    for kind, values in found.items():
        yield Outcome(f"auc_{kind}", np.array(values), names, names, {})


def attribute(encoder: DualEncoder, place: Place, size: Size) -> Judged:
    """Attribution share of the word of negation in each negated prompt (CON, arXiv 2512.17121)."""
    from nastdata.evaluation.explain import attribute_negation, read_pairs

    data = open_rows(place.data("probes"), size)
    pairs, keys = read_pairs(data, "test")
    shares = attribute_negation(encoder, pairs, embed_images(encoder, data.store, keys, place.cache))
    by = shares["by_prompt"]
    return {
        "probes/attribution/values": np.array(list(by.values())),
        "probes/attribution/patients": np.array(list(by)),
    }


def write_judged(path: Path, judged: Judged) -> None:
    """Write whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.stem}.partial.npz")
    np.savez_compressed(partial, **cast(dict[str, Any], judged))
    partial.replace(path)


def read_judged(path: Path) -> Judged:
    """Read what ``write_judged`` wrote."""
    with np.load(path) as file:
        return dict(file)


def _keep(out: Judged, test: str, outcome: Outcome) -> None:
    name = f"{test}/{outcome.name}"
    out[f"{name}/values"] = np.asarray(outcome.values, dtype=np.float32)
    out[f"{name}/patients"] = _encode(outcome.clusters)
    for stratum in STRATA:
        if stratum in outcome.strata:
            out[f"{name}/truth"] = _encode(outcome.strata[stratum])


def _encode(names: Sequence[str]) -> npt.NDArray[np.bytes_]:
    return np.array([n.encode() for n in names])
