"""Losses against their formulas, written out loop by loop."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from nastdata.training.losses import (  # noqa: E402
    compute_choices,
    compute_claims,
    compute_clip,
    compute_con2,
    compute_conclip,
    compute_groups,
    compute_negclip,
    compute_rows,
)

SCALE = 7.0


def unit(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(*shape, 8, generator=generator), dim=-1)


def nll(right: float, others: list[float]) -> float:
    return -right * SCALE + math.log(sum(math.exp(SCALE * x) for x in [right, *others]))


def dot(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(a @ b)


def test_clip_with_and_without_mask() -> None:
    x, t = unit(4), unit(4, seed=1)
    same = torch.eye(4, dtype=torch.bool)
    same[0, 2] = same[2, 0] = True
    for mask in (None, same):
        drop = {(0, 2), (2, 0)} if mask is not None else set()
        rows = [
            nll(dot(x[i], t[i]), [dot(x[i], t[j]) for j in range(4) if j != i and (i, j) not in drop])
            for i in range(4)
        ]
        cols = [
            nll(dot(x[i], t[i]), [dot(x[j], t[i]) for j in range(4) if j != i and (j, i) not in drop])
            for i in range(4)
        ]
        assert float(compute_clip(x, t, SCALE, mask)) == pytest.approx((sum(rows) + sum(cols)) / 8, rel=1e-5)
        assert float(compute_rows(x, t, SCALE, mask)) == pytest.approx(sum(rows) / 4, rel=1e-5)


def test_claims_of_unequal_number() -> None:
    x, c = unit(3), unit(3, 4, seed=1)
    valid = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]]).bool()
    answers = torch.tensor([2, 1, 0])
    parts = [
        nll(
            dot(x[i], c[i, answers[i]]),
            [dot(x[i], c[i, j]) for j in range(4) if valid[i, j] and j != answers[i]],
        )
        for i in range(3)
    ]
    assert float(compute_claims(x, c, valid, answers, SCALE)) == pytest.approx(sum(parts) / 3, rel=1e-5)


def test_without_a_scale_six_claims_stay_above_half() -> None:
    """Cosines lie in [-1, 1]: at K = 6 and scale 1 the loss can't fall below 0.52."""
    x = unit(1)
    claims = torch.cat([x, *[-x] * 5])[None]
    least = compute_claims(x, claims, torch.ones(1, 6).bool(), torch.tensor([0]), 1.0)
    assert float(least) == pytest.approx(math.log(1 + 5 * math.exp(-2)), rel=1e-5)
    assert float(least) > 0.5


def test_negclip() -> None:
    x, t, n = unit(3), unit(3, seed=1), unit(3, seed=2)
    rows = [
        nll(dot(x[i], t[i]), [dot(x[i], u) for u in [*(t[j] for j in range(3) if j != i), *n]])
        for i in range(3)
    ]
    cols = [nll(dot(x[i], t[i]), [dot(x[j], t[i]) for j in range(3) if j != i]) for i in range(3)]
    assert float(compute_negclip(x, t, n, SCALE)) == pytest.approx((sum(rows) + sum(cols)) / 6, rel=1e-5)


def test_con2_has_the_papers_three_terms() -> None:
    x, p, o, q = (unit(3, seed=s) for s in range(4))
    first = [
        nll(dot(x[i], p[i]), [dot(x[i], u) for u in [*(p[j] for j in range(3) if j != i), *q]])
        for i in range(3)
    ]
    second = [nll(dot(p[i], x[i]), [dot(p[i], u) for u in o]) for i in range(3)]
    third = [nll(dot(o[i], q[i]), [dot(o[i], u) for u in p]) for i in range(3)]
    wanted = (sum(first) + sum(second) + sum(third)) / 9
    assert float(compute_con2(x, p, o, q, SCALE)) == pytest.approx(wanted, rel=1e-5)


def test_con2_masks_prompts_that_are_equal() -> None:
    """Two quadruplets with opposite prompts exchanged: unmasked, a prompt is its own negative."""
    x, o = unit(2), unit(2, seed=1)
    p = unit(2, seed=2)
    q = p.flip(0)
    same = torch.eye(2).bool()
    crossed = torch.tensor([[False, True], [True, False]])
    masked = compute_con2(x, p, o, q, SCALE, same, crossed)
    assert torch.isfinite(masked)
    assert masked < compute_con2(x, p, o, q, SCALE)


def test_groups_are_matched_both_ways() -> None:
    x, t = unit(2, 4), unit(2, 4, seed=1)
    parts = []
    for g in range(2):
        for i in range(4):
            parts.append(nll(dot(x[g, i], t[g, i]), [dot(x[g, i], t[g, j]) for j in range(4) if j != i]))
            parts.append(nll(dot(x[g, i], t[g, i]), [dot(x[g, j], t[g, i]) for j in range(4) if j != i]))
    assert float(compute_groups(x, t, SCALE)) == pytest.approx(sum(parts) / 16, rel=1e-5)


def test_conclip_holds_every_side_against_the_whole_batch() -> None:
    """As its authors' code has it: no side is spared a negative of the batch."""
    x, p, o, q = (unit(3, seed=s) for s in range(4))
    three = [
        [
            nll(dot(x[i], p[i]), [dot(x[i], u) for u in [*(p[j] for j in range(3) if j != i), *q]])
            for i in range(3)
        ],
        [
            nll(dot(p[i], x[i]), [dot(p[i], u) for u in [*(x[j] for j in range(3) if j != i), *o]])
            for i in range(3)
        ],
        [
            nll(dot(o[i], q[i]), [dot(o[i], u) for u in [*(q[j] for j in range(3) if j != i), *p]])
            for i in range(3)
        ],
    ]
    assert float(compute_conclip(x, p, o, q, SCALE)) == pytest.approx(sum(map(sum, three)) / 9, rel=1e-5)


def test_conclip_masks_whatever_states_the_same() -> None:
    """Prompts 0 and 1 state the same, prompt 2 what their opposites state: no true pair is a negative."""
    x, p, o, q = (unit(3, seed=s) for s in range(4))
    stated, opposite = ["a", "a", "not a"], ["not a", "not a", "a"]
    same = torch.tensor([[s == t for t in stated] for s in stated])
    crossed = torch.tensor([[s == t for t in stated] for s in opposite])
    rivals: dict[int, list[torch.Tensor]] = {}
    for i in range(3):
        rivals[i] = [p[j] for j in range(3) if j != i and stated[j] != stated[i]]
        rivals[i] += [q[j] for j in range(3) if opposite[j] != stated[i]]
    first = [nll(dot(x[i], p[i]), [dot(x[i], u) for u in rivals[i]]) for i in range(3)]
    second = []
    for i in range(3):
        shown = [x[j] for j in range(3) if j != i and stated[j] != stated[i]]
        shown += [o[j] for j in range(3) if opposite[j] != stated[i]]
        second.append(nll(dot(p[i], x[i]), [dot(p[i], u) for u in shown]))
    third = []
    for i in range(3):
        told = [q[j] for j in range(3) if j != i and opposite[j] != opposite[i]]
        told += [p[j] for j in range(3) if stated[j] != opposite[i]]
        third.append(nll(dot(o[i], q[i]), [dot(o[i], u) for u in told]))
    found = compute_conclip(x, p, o, q, SCALE, same, crossed)
    assert float(found) == pytest.approx((sum(first) + sum(second) + sum(third)) / 9, rel=1e-5)


def test_choices_are_cross_entropy_over_the_options() -> None:
    x, options = unit(3), unit(3, 4, seed=1)
    answers = torch.tensor([2, 0, 3])
    parts = [
        nll(
            dot(x[i], options[i, answers[i]]), [dot(x[i], options[i, j]) for j in range(4) if j != answers[i]]
        )
        for i in range(3)
    ]
    assert float(compute_choices(x, options, answers, SCALE)) == pytest.approx(sum(parts) / 3, rel=1e-5)
