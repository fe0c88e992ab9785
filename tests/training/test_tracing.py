"""Patched text features equal a plain loop that patches one state at a time in the whole model."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from nastdata.tracing.patching import (  # noqa: E402
    CaptionPair,
    attend_to_negator,
    estimate_effects,
    patch_pairs,
    project_effect,
    restore_weights,
    score,
    shuffle_weights,
)

PAIRS = [
    CaptionPair("There is severe edema.", "There is no edema."),
    CaptionPair("There is no pleural effusion.", "There is severe pleural effusion."),
    CaptionPair("There is severe pneumothorax.", "There is no pneumothorax."),
]


def patch_one(encoder: Any, base: Any, other: Any, layer: int, position: int) -> Any:
    """One patch the plain way: run all of the model with a hook on one block (or on the embedding)."""
    tower = encoder.text
    held: list[Any] = []

    def put(_module: Any, _args: Any, out: Any) -> Any:
        out = out.clone()
        out[:, position] = held[0][:, position]
        return out

    def put_first(_module: Any, args: Any, kwargs: Any) -> Any:
        x = args[0].clone()
        x[:, position] = held[0][:, position]
        return (x, *args[1:]), kwargs

    def full(tokens: Any) -> Any:
        context = encoder.context_length
        if tower.causal and hasattr(tower, "mask"):
            tokens = torch.nn.functional.pad(tokens, (0, context - tokens.shape[1]))
            return torch.nn.functional.normalize(encoder.model.encode_text(tokens), dim=-1)
        return encoder.encode_texts(tokens)

    grab = (
        tower.blocks[0].register_forward_pre_hook(lambda _m, args, _k: held.append(args[0]), with_kwargs=True)
        if layer == 0
        else tower.blocks[layer - 1].register_forward_hook(lambda _m, _a, out: held.append(out))
    )
    full(other)
    grab.remove()
    hook = (
        tower.blocks[0].register_forward_pre_hook(put_first, with_kwargs=True)
        if layer == 0
        else tower.blocks[layer - 1].register_forward_hook(put)
    )
    try:
        return full(base)
    finally:
        hook.remove()


@torch.no_grad()
def check_against_loop(encoder: Any, pairs: list[CaptionPair] = PAIRS) -> None:
    results, unequal = patch_pairs(encoder, pairs, batch_size=64)
    assert len(results) + len(unequal) == len(pairs)
    assert results
    for r in results:
        correct, foil = r.tokens[:1], r.tokens[1:]
        moved = 0.0
        for layer in range(encoder.text.depth + 1):
            for position in range(r.tokens.shape[1]):
                wanted = patch_one(encoder, correct, foil, layer, position)
                assert torch.allclose(r.noised[layer, position], wanted[0], atol=1e-5), (layer, position)
                moved = max(moved, float((r.noised[layer, position] - r.plain[0]).norm()))
                wanted = patch_one(encoder, foil, correct, layer, position)
                assert torch.allclose(r.denoised[layer, position], wanted[0], atol=1e-5), (layer, position)
        assert moved > 1e-3, "no patch moved anything: the test would prove nothing"


def test_equal_to_single_patches_on_a_native_tower(native: Any) -> None:
    check_against_loop(native)


def test_equal_to_single_patches_on_a_bert_tower(hf_tower: Any) -> None:
    check_against_loop(hf_tower, PAIRS[:1])


def test_equal_to_single_patches_on_a_clip_of_transformers(hf_clip: Any) -> None:
    check_against_loop(hf_clip)


def test_equal_to_single_patches_on_a_siglip_of_transformers(hf_siglip: Any) -> None:
    check_against_loop(hf_siglip)


def test_the_whole_foil_is_reached_by_patching_all_that_matters(native: Any) -> None:
    """At the embedding the negator is the only difference; at the last layer the last token is."""
    for r in patch_pairs(native, PAIRS)[0]:
        effect = project_effect(r.noised, r.plain)
        assert len(r.differs) == 1
        assert effect[0, r.differs[0]] == pytest.approx(1, abs=1e-4)
        assert effect[-1, -1] == pytest.approx(1, abs=1e-4)
        assert effect[-1, :-1].abs().max() < 1e-6
        assert effect[:, : r.differs[0]].abs().max() == 0


def test_pairs_of_unequal_token_counts_are_returned(native: Any) -> None:
    odd = CaptionPair("There is severe edema.", "There is no sign of edema.")
    results, unequal = patch_pairs(native, [odd, *PAIRS])
    assert unequal == [odd]
    assert [r.pair for r in results] == PAIRS


def test_scores_are_cosines(native: Any) -> None:
    r = patch_pairs(native, PAIRS)[0][0]
    images = torch.nn.functional.normalize(torch.randn(7, 32), dim=-1)
    assert score(r.noised, images).shape == (7, 5, r.tokens.shape[1])
    assert score(r.plain, images)[3, 1] == pytest.approx(float(images[3] @ r.plain[1]), abs=1e-6)


def test_gradient_estimate_is_exact_to_first_order(native: Any) -> None:
    """The estimate is the slope: a patch of 1 % of the way does 1 % of what is estimated."""
    r = patch_pairs(native, PAIRS)[0][0]
    image = torch.nn.functional.normalize(torch.randn(32), dim=0)
    estimate = estimate_effects(native, r, image)
    tower, share = native.text, 1e-3
    with torch.no_grad():
        states, other = tower.capture(r.tokens[:1].double().long()), tower.capture(r.tokens[1:])
        for layer in range(tower.depth + 1):
            for position in (r.differs[0], r.tokens.shape[1] - 1):
                x = states[layer].clone()
                x[:, position] += share * (other[layer] - x)[:, position]
                moved = torch.nn.functional.normalize(tower.resume(x, r.tokens[:1], layer), dim=-1)[0]
                slope = float((r.plain[0] - moved) @ image) / share
                assert slope == pytest.approx(float(estimate[layer, position]), rel=0.05, abs=2e-3)


def test_attention_weights_are_shares(native: Any, hf_tower: Any) -> None:
    for encoder in (native, hf_tower):
        r = patch_pairs(encoder, PAIRS)[0][0]
        weights = encoder.text.attend(r.tokens)
        assert torch.allclose(weights.sum(-1), torch.ones(()), atol=1e-5)
        seen = attend_to_negator(encoder, r, 1)
        assert seen.shape == (encoder.text.depth, encoder.text.heads)
        assert 0 < seen.min() and seen.max() < 1


def test_shuffled_weights_come_back(native: Any) -> None:
    from nastdata.models.base import fingerprint_text

    before = fingerprint_text(native)
    saved = shuffle_weights(native, 3)
    changed = fingerprint_text(native)
    restore_weights(saved)
    assert changed != before
    assert fingerprint_text(native) == before
