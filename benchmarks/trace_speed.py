"""Causal tracing beside the straightforward loop that runs the whole dual encoder for each patch.

python benchmarks/trace_speed.py [--images 48] [--many 1000]

Same model, same films, same captions, one run, the same numbers. The loop encodes the image and the text for
every (image, layer, position), as a direct reading of the formula does. Both are measured on a few films. On
many only ``nastdata`` is; the loop's time for many is extrapolated from its time a film, which does not
depend on how many there are. The few films are among the many, and their numbers are compared there again.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import torch
from machine import describe_machine

from nastdata.images.phantom import render
from nastdata.models.small_clip import make_encoder
from nastdata.ontology import load_ontology
from nastdata.records import Fact
from nastdata.seeded import draw_int
from nastdata.tracing.patching import CaptionPair, patch_pairs, score


def patch_in_loop(encoder: Any, pixels: Any, pairs: list[CaptionPair]) -> list[Any]:
    """Return S for every image, layer and position, the direct way."""
    model, tower = encoder.model, encoder.text
    normalize = torch.nn.functional.normalize
    out = []
    for image, pair in zip(pixels, pairs, strict=True):
        correct, foil = encoder.tokenizer([pair.correct]), encoder.tokenizer([pair.foil])
        held: list[Any] = []
        hooks = [
            tower.blocks[0].register_forward_pre_hook(lambda _m, a, h=held: h.append(a[0])),
            *(b.register_forward_hook(lambda _m, _a, o, h=held: h.append(o)) for b in tower.blocks),
        ]
        model.encode_text(foil)
        for hook in hooks:
            hook.remove()
        length = int(correct.argmax()) + 1
        grid = torch.zeros(tower.depth + 1, length)
        for layer in range(tower.depth + 1):
            for position in range(length):
                hook = _put(tower, layer, position, held[layer])
                text = normalize(model.encode_text(correct), dim=-1)
                hook.remove()
                seen = normalize(model.encode_image(image[None]), dim=-1)
                grid[layer, position] = (seen @ text.T).item()
        out.append(grid)
    return out


def _put(tower: Any, layer: int, position: int, state: Any) -> Any:
    def before(_module: Any, args: Any) -> Any:
        x = args[0].clone()
        x[:, position] = state[:, position]
        return (x, *args[1:])

    def after(_module: Any, _args: Any, out: Any) -> Any:
        out = out.clone()
        out[:, position] = state[:, position]
        return out

    if layer == 0:
        return tower.blocks[0].register_forward_pre_hook(before)
    return tower.blocks[layer - 1].register_forward_hook(after)


def trace(encoder: Any, pixels: Any, pairs: list[CaptionPair]) -> list[Any]:
    """Return the same through ``nastdata``: texts patched once, images encoded once, one product."""
    features = torch.cat([encoder.encode_images(part) for part in pixels.split(64)])
    results, _ = patch_pairs(encoder, list(dict.fromkeys(pairs)), both=False)
    by_pair = {r.pair: r for r in results}
    at: dict[CaptionPair, list[int]] = {}
    for i, pair in enumerate(pairs):
        at.setdefault(pair, []).append(i)
    out: list[Any] = [None] * len(pairs)
    for pair, rows in at.items():
        for i, grid in zip(rows, score(by_pair[pair].noised, features[rows]), strict=True):
            out[i] = grid
    return out


def make_inputs(encoder: Any, number: int) -> tuple[Any, list[CaptionPair]]:
    """Return pixels and caption pairs of twelve conditions."""
    from PIL import Image

    conditions = load_ontology("chest_xray").conditions[:12]
    pixels, pairs = [], []
    for i in range(number):
        c = conditions[i % 12]
        film = render([Fact(c.name, "present", None, None)], draw_int(0, i), 64)
        pixels.append(encoder.preprocess(Image.fromarray(film)))
        pairs.append(CaptionPair(f"There is severe {c.text}.", f"There is no {c.text}."))
    return torch.stack(pixels), pairs


def main() -> None:
    """Print times, the ratio, and how far apart the numbers are."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=48)
    parser.add_argument("--many", type=int, default=1000)
    given = parser.parse_args()
    torch.set_num_threads(1)
    encoder = make_encoder(0)
    encoder.model.eval()
    with torch.no_grad():
        pixels, pairs = make_inputs(encoder, given.images)
        start = time.process_time()
        slow = patch_in_loop(encoder, pixels, pairs)
        loop = time.process_time() - start
        trace(encoder, pixels[:2], pairs[:2])
        start = time.process_time()
        fast = trace(encoder, pixels, pairs)
        few = time.process_time() - start
        pixels, pairs = make_inputs(encoder, given.many)
        start = time.process_time()
        all_of_them = trace(encoder, pixels, pairs)
        many = time.process_time() - start
    each = loop / given.images
    print(f"{describe_machine()}; one thread, CPU seconds")
    print(f"12 conditions, 12 text layers; the loop took {each:.2f} s a film")
    print(f"{'films':>7} {'loop, s':>10} {'':<13} {'nastdata, s':>12} {'ratio':>7}  largest difference")
    for films, slow_s, how, fast_s, found in (
        (given.images, loop, "measured", few, fast),
        (given.many, each * given.many, "extrapolated", many, all_of_them),
    ):
        apart = max(float((a - b).abs().max()) for a, b in zip(slow, found, strict=False))
        print(f"{films:>7} {slow_s:>10.1f} {how:<13} {fast_s:>12.2f} {slow_s / fast_s:>7.0f}  {apart:.1e}")
    print(f"differences: of similarities, on the {given.images} films that the loop went over")


if __name__ == "__main__":
    main()
