"""The experiment's own arithmetic: intervals, rules of decision, tuning, layer weights, held-out wordings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("open_clip")

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from experiment import held_out, tuning  # noqa: E402
from experiment.hypotheses import (  # noqa: E402
    GAIN,
    Rule,
    answer_traces,
    at_least,
    list_hypotheses,
    write_table,
)
from experiment.intervals import Estimate, Term, estimate  # noqa: E402
from experiment.layer_controls import CONTROLS, FEW  # noqa: E402
from experiment.measures import EQUAL, compare, equalise, find_offset, measure  # noqa: E402
from experiment.methods import BY_NAME, METHODS, get_stem  # noqa: E402
from experiment.sizes import MICRO, SMALL  # noqa: E402

from nastdata.records import Fact  # noqa: E402
from nastdata.tracing.run import Trace  # noqa: E402
from nastdata.training.layer_weights import weigh_trace  # noqa: E402
from nastdata.training.settings import LayerSettings  # noqa: E402

DOCS = Path(__file__).parents[2] / "docs"


def judged(
    right: list[float], truth: list[str] | None = None, name: str = "contextual/claim"
) -> dict[str, Any]:
    patients = np.array([f"p{i // 2}".encode() for i in range(len(right))])
    kinds = truth or ["negated", "affirmative"] * (len(right) // 2)
    return {
        f"{name}/values": np.array(right, dtype=np.float32),
        f"{name}/patients": patients,
        f"{name}/truth": np.array([k.encode() for k in kinds]),
    }


def test_an_estimate_is_the_mean_over_models_of_the_rows_asked_for() -> None:
    runs = [[judged([1, 0, 1, 1])], [judged([0, 0, 1, 0])]]
    assert estimate(measure(runs, "denies")).mean == pytest.approx((1 + 0.5) / 2)
    assert estimate(measure(runs, "affirms")).mean == pytest.approx((0.5 + 0) / 2)
    assert estimate(measure(runs, "balanced")).mean == pytest.approx((0.75 + 0.25) / 2)
    assert estimate(measure(runs, "gap")).mean == pytest.approx(0.25 - 0.75)


def test_differences_are_paired_by_patient() -> None:
    rng = np.random.default_rng(0)
    first = [[judged(list(rng.integers(0, 2, 200).astype(float)))] for _ in range(3)]
    same = compare(first, first, "balanced")
    assert (same.mean, same.low, same.high) == (0, 0, 0)
    alone = estimate(measure(first, "balanced"))
    assert alone.low < alone.mean < alone.high


def test_the_interval_grows_where_pretrained_models_disagree() -> None:
    def width(values: list[list[float]]) -> float:
        e = estimate(measure([[judged(v)] for v in values], "denies"))
        return e.high - e.low

    half = [1.0, 1.0, 0.0, 0.0] * 50
    other = [0.0, 0.0, 1.0, 1.0] * 50
    agree = width([half, half, half])
    few, many = [1.0] * 20 + [0.0] * 180, [1.0] * 180 + [0.0] * 20
    assert width([half, few, many]) > 5 * agree
    # models that are right of different patients, equally often, agree in the mean
    assert width([half, other, half]) < 1.5 * agree


def test_intervals_cover_what_they_estimate() -> None:
    """Of simulated studies, patients and three pretrained models drawn anew, about 5 in 100 miss."""
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(200):
        bases = 0.5 + 0.03 * rng.standard_normal(3)
        easy = np.repeat(0.2 * rng.standard_normal(60), 2)
        runs = [[judged(list((rng.random(120) < np.clip(b + easy, 0, 1)).astype(float)))] for b in bases]
        e = estimate([Term(runs, "contextual/claim")])
        missed += not e.low < 0.5 < e.high
    assert 1 <= missed <= 20


def test_a_metric_without_rows_is_not_made_up() -> None:
    e = estimate(measure([[judged([1, 1], ["affirmative", "affirmative"])]], "denies"))
    assert not e.known and GAIN.decide(e) == "not decided"


@pytest.mark.parametrize(
    ("rule", "low", "high", "answer"),
    [
        (GAIN, 0.1, 3, "yes"),
        (GAIN, -3, 0.9, "no"),
        (GAIN, -1, 2, "not decided"),
        (GAIN, 0.1, 0.5, "yes"),
        (at_least(5), 5.1, 9, "yes"),
        (at_least(5), 1, 4.9, "no"),
        (at_least(5), 4, 6, "not decided"),
        (at_least(-2), -1.5, 0, "yes"),
        (at_least(-2), -4, -2.5, "no"),
        (Rule(same=2), -1.9, 1.9, "yes"),
        (Rule(same=2), 2.1, 3, "no"),
        (Rule(same=2), -3, -2.1, "no"),
        (Rule(same=2), 1, 3, "not decided"),
    ],
)
def test_rules_decide_by_the_whole_interval(rule: Rule, low: float, high: float, answer: str) -> None:
    assert rule.decide(Estimate((low + high) / 200, low / 100, high / 100)) == answer


def test_the_plan_has_every_hypothesis_as_it_is_decided() -> None:
    plan = (DOCS / "experiment-plan.md").read_text(encoding="utf-8")
    assert write_table() in plan
    known = {m.name for m in METHODS} | {"untrained"}
    from experiment.posthoc import POSTHOC

    for h in list_hypotheses():
        assert {m for m in (h.first, h.second) if m} <= known | set(POSTHOC), h.name


def test_traces_agree_only_if_all_do() -> None:
    one = {"robust": np.arange(8.0), "mean_of_ratios": np.arange(8.0), "ratio_of_means": -np.arange(8.0)}
    other = {**one, "robust": -np.arange(8.0)}
    assert answer_traces([one, one, one])["T1"][1] == "yes"
    assert answer_traces([one, one])["T2"] == ([-1.0, -1.0], "no")
    assert answer_traces([one, one, other])["T1"][1] == "not decided"


def claims(margins: list[float], own: list[float], truth: str, test: str) -> dict[str, Any]:
    names = np.array([f"p{i}".encode() for i in range(len(own))])
    out: dict[str, Any] = {}
    for name, values in (("own", own), ("margin", margins), ("claim", own)):
        out[f"{test}/{name}/values"] = np.array(values, dtype=np.float32)
        out[f"{test}/{name}/patients"] = names
        out[f"{test}/{name}/truth"] = np.array([truth.encode()] * len(own))
    return out


def test_an_offset_makes_affirming_accuracy_equal() -> None:
    run = claims([0.1, 0.2, 0.3, -0.1], [1, 1, 1, 1], "affirmative", "validation")
    assert find_offset(run, 0.75) == pytest.approx(0.0)
    assert 0.1 < find_offset(run, 0.5) < 0.2
    assert find_offset(run, 1.0) < -0.1
    # at an offset of 0.15 a denying claim that lost by 0.1 wins, one that lost by 0.2 does not
    whole = {**run, **claims([-0.1, -0.2, 0.3], [1, 1, 0], "negated", "contextual")}
    shifted = equalise([[whole]], 0.5)[0][0]
    assert shifted[f"contextual/{EQUAL}/values"].tolist() == [1, 0, 0]


def trial(score: float, rate: float, norms: list[float] | None = None, decay: float = 0.01) -> dict[str, Any]:
    return {
        "best": {"claim_accuracy": score},
        "rate": rate,
        "decay": decay,
        "update": {"norms": norms or [1.0]},
    }


def test_the_best_trial_is_taken_and_of_equals_the_lowest_rate() -> None:
    assert tuning.choose([trial(0.3, 1e-3), trial(0.4, 2e-3), trial(0.4, 4e-3)])["rate"] == 2e-3


def test_every_method_has_the_same_number_of_trials() -> None:
    counts = {len(tuning.list_rates(SMALL, m)) for m in METHODS if m.same_norm_as is None}
    assert counts == {len(SMALL.rates)}
    assert not [m for m in METHODS if "learning_rate" in m.settings]


def test_a_rate_of_the_same_norm_lies_between_the_trials_norms() -> None:
    uniform = [trial(0.3, 1e-3, [1.0]), trial(0.4, 4e-3, [4.0])]
    rate, _ = tuning.match_norm(uniform, trial(0.5, 9.0, [2.0]))
    assert rate == pytest.approx(2e-3, rel=1e-3)
    assert tuning.match_norm(uniform, trial(0.5, 9.0, [0.1]))[0] == 1e-3
    assert tuning.match_norm(uniform, trial(0.5, 9.0, [40.0]))[0] == 4e-3


TRACE = Trace(
    {"text_tower": "t"},
    {"noising_robust": np.array([1.0, 0.5, 0.4, 0.3, 0.05, 0.02, 0.01])},
)


def test_controls_of_layer_weights_are_what_their_names_say() -> None:
    own = weigh_trace(TRACE, LayerSettings())
    permuted = CONTROLS["permuted"](TRACE, 3)
    assert sorted(permuted) == sorted(own) and not np.array_equal(permuted, own)
    assert not np.array_equal(permuted, CONTROLS["permuted"](TRACE, 4))
    assert np.array_equal(CONTROLS["flipped"](TRACE, 0), own[::-1])
    reverse = CONTROLS["reversed"](TRACE, 0)
    assert sorted(reverse) == sorted(own) and reverse.argmin() == own.argmax()
    top, bottom = CONTROLS["top"](TRACE, 0), CONTROLS["bottom"](TRACE, 0)
    assert top.sum() == bottom.sum() == FEW and not (top * bottom).any()
    assert top[0] == 1 and bottom[-1] == 1


def test_fine_tuning_words_nothing_in_held_out_frames_or_cues() -> None:
    wording = held_out.Wording()
    facts = [Fact("Edema", "absent"), Fact("Pleural Effusion", "present", "right", None)]
    for fact in facts:
        seen = {wording.word(fact, held_out.is_seen, str(i)) for i in range(60)}
        frames = {wording.word(fact, held_out.is_new_frame, str(i)) for i in range(60)}
        cues = {wording.word(fact, held_out.is_new_cue, str(i)) for i in range(60)}
        assert None not in seen | frames | cues
        assert not seen & frames and not seen & cues and not frames & cues
    assert all(
        any(c in str(t) for c in ("free of", "Absence of", "Negative for"))
        for t in {wording.word(facts[0], held_out.is_new_cue, str(i)) for i in range(20)}
    )


def test_stems_of_methods_are_distinct_file_names() -> None:
    stems = [get_stem(m) for m in BY_NAME]
    assert len(set(stems)) == len(stems) and all("/" not in s and " " not in s for s in stems)


def test_sizes_have_keys_of_their_own() -> None:
    assert MICRO.key != SMALL.key
