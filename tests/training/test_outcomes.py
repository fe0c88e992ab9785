"""Metrics against answers known beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nastdata.evaluation import outcomes as judge
from nastdata.frames import config_schema
from nastdata.seeded import draw_int

DIM = 64


def embed(texts: Sequence[str]) -> np.ndarray:
    """A fixed random direction for each text."""
    rows = [np.random.default_rng(draw_int(0, t)).standard_normal(DIM) for t in texts]
    return np.stack([r / np.linalg.norm(r) for r in rows]).astype(np.float32)


@pytest.fixture
def frames(tiny: Any) -> dict[str, pl.DataFrame]:
    from tiny import make_rows

    return {
        name: pl.DataFrame(rows, schema={**config_schema(name), "split": pl.String()})
        for name, rows in make_rows().items()
    }


def by_name(found: list[judge.Outcome]) -> dict[str, judge.Outcome]:
    return {o.name: o for o in found}


def test_a_model_that_reads_statements_rightly_gets_everything(frames: dict[str, pl.DataFrame]) -> None:
    f = frames["mednega"]
    answers = ["ABCD".index(a) for a in f["answer"]]
    true = [c[a] for c, a in zip(f["negated_choices"], answers, strict=True)]
    plain = [c[a] for c, a in zip(f["affirmative_choices"], answers, strict=True)]
    images = embed(true) + embed(plain)
    found = by_name(judge.judge_questions(f, images, embed, seed=0))
    for kind in ("negated", "affirmative"):
        assert found[f"mcq_{kind}"].values.mean() == 1
        for name in ("image_to_text", "text_to_image", "group", "matching"):
            assert found[f"{name}_{kind}"].values.mean() == 1
            assert len(found[f"{name}_{kind}"].values) == 12
        # a stranger's film mostly shows another state: answers that need the film do not survive
        assert found[f"survives_swapped_{kind}"].values.mean() < 0.5
        assert found[f"survives_blanked_{kind}"].values.mean() < 0.5


def test_a_model_that_looks_away_survives_every_swap(frames: dict[str, pl.DataFrame]) -> None:
    f = frames["mednega"]
    one = embed([f["negated_choices"][0][2]])
    images = np.repeat(one, len(f), axis=0)
    found = by_name(judge.judge_questions(f, images, embed, seed=0))
    assert found["mcq_negated"].values.mean() == 0.25
    assert found["survives_swapped_negated"].values.mean() == 1
    assert found["survives_blanked_negated"].values.mean() == 1
    assert found["group_negated"].values.mean() == 0


def test_claims_and_their_strata(frames: dict[str, pl.DataFrame]) -> None:
    f = frames["contextual_claims"]
    images = embed([c[a] for c, a in f.select("claims", "answer").iter_rows()])
    blind_to_no = [n[a] == "existence" for n, a in f.select("claim_negations", "answer").iter_rows()]
    images[blind_to_no] = embed([c[1] for c in f["claims"]])[blind_to_no]
    (claim,) = judge.judge_claims(f, images, embed)
    truth = np.array(claim.strata["truth"])
    assert claim.values[truth == "affirmative"].mean() == 1
    assert claim.values[truth == "negated"].mean() == 0
    assert set(truth) == {"affirmative", "negated"}


def test_retrieval_does_not_punish_other_true_captions(frames: dict[str, pl.DataFrame]) -> None:
    """Two captions of one study that are both near its film are no error."""
    f = frames["contextual_captions"]
    texts = embed(f["caption"].to_list())
    whole = {
        s: texts[[i for i, x in enumerate(f["study_id"]) if x == s]].sum(axis=0) for s in set(f["study_id"])
    }
    images = np.stack([whole[s] / np.linalg.norm(whole[s]) for s in f["study_id"]])
    found = by_name(judge.judge_captions(f, images, embed, seed=0))
    assert found["recall@1"].values.mean() == 1
    worst = by_name(judge.judge_captions(f, -images, embed, seed=0))
    assert worst["recall@1"].values.mean() < 0.05
    assert (found["recall@5"].values >= found["recall@1"].values).all()


def test_prompts_retrieve_films_that_they_are_true_of(frames: dict[str, pl.DataFrame]) -> None:
    f = frames["opposition"].filter(pl.col("condition") == "Edema")
    images, others = embed(f["prompt"].to_list()), embed(f["distractor_prompt"].to_list())
    (found,) = judge.judge_prompts(f, images, others, embed)
    assert found.values.mean() == 1
    assert set(found.strata["kind"]) == {"structured positive", "structured negative"}
    (turned,) = judge.judge_prompts(f, others, images, embed)
    assert turned.values.mean() == 0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_strangers_are_of_other_patients(seed: int) -> None:
    patients = [f"p{i % 7}" for i in range(30)]
    found = judge.find_strangers(patients, seed)
    assert all(patients[i] != patients[j] for i, j in enumerate(found))


def test_states_agree_with_labels(frames: dict[str, pl.DataFrame]) -> None:
    from tiny import CONDITIONS, STUDIES, labels_of

    states = judge.read_states(frames)
    for c, condition in enumerate(CONDITIONS):
        assert len(states[condition]) == STUDIES
        for i in range(STUDIES):
            assert states[condition][("tiny", f"films/i{i:03}.png")] == labels_of(i)[c]


def test_claims_answered_from_the_image_change_with_it_and_others_do_not(
    frames: dict[str, pl.DataFrame],
) -> None:
    from nastdata.evaluation.reliance import judge_claim_reliance

    f = frames["contextual_claims"]
    true = [c[a] for c, a in zip(f["claims"], f["answer"], strict=True)]
    sees = by_name(judge_claim_reliance(f, embed(true), embed, seed=0))
    strangers = judge.find_strangers(f["patient_id"].to_list(), 0)
    differs = [true[i] != true[j] for i, j in enumerate(strangers)]
    changed = sees["claim_changes_swapped"]
    # an image that shows another of the set's own claims changes the answer to it
    own = [true[j] in f["claims"][i] and d for i, (j, d) in enumerate(zip(strangers, differs, strict=True))]
    assert changed.values[np.array(own)].min() == 1 and any(own)
    # one of which the same claim is true does not
    assert not changed.values[~np.array(differs)].any() and not all(differs)
    assert len(changed.values) == len(f)
    survives = sees["claim_survives_swapped"].values
    assert survives.mean() == pytest.approx(1 - changed.values.mean())

    blind = np.repeat(embed(["one image"]), len(f), axis=0)
    looks_away = by_name(judge_claim_reliance(f, blind, embed, seed=0))
    assert not looks_away["claim_changes_swapped"].values.any()
    assert looks_away["claim_survives_swapped"].values.all()
    assert set(looks_away["claim_changes_swapped"].strata["truth"]) == {"affirmative", "negated"}


def test_a_set_without_another_patient_is_not_swapped(frames: dict[str, pl.DataFrame]) -> None:
    from nastdata.evaluation.reliance import judge_claim_reliance

    f = frames["contextual_claims"].filter(pl.col("patient_id") == "p000")
    assert judge_claim_reliance(f, embed(["a"] * len(f)), embed, seed=0) == []
