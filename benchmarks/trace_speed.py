"""Causal tracing beside the straightforward loop that runs the whole dual encoder for each patch.

python benchmarks/trace_speed.py [--images 24] [--many 1000]

Same model, same films, same captions, one run, the same numbers. The loop encodes the image and the text for
every (image, layer, position), as a direct reading of the formula does; it is run on a few films;
its time for many is the measured time an image, multiplied.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from typing import Any

import torch

from nastdata.draws import draw_int
from nastdata.ontology import load_ontology
from nastdata.records import Fact
from nastdata.sources.phantom_images import render
from nastdata.train.scratch import make_encoder
from nastdata.train.tracing import CaptionPair, patch_pairs, score


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
    parser.add_argument("--images", type=int, default=24)
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
        trace(encoder, pixels, pairs)
        many = time.process_time() - start
    apart = max(float((a - b).abs().max()) for a, b in zip(slow, fast, strict=True))
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print("one thread, CPU seconds")
    print(f"12 conditions, 12 text layers; largest difference of a similarity {apart:.1e}")
    print(f"{'films':>7} {'loop, s':>12} {'nastdata, s':>12} {'ratio':>8}")
    print(f"{given.images:>7} {loop:>12.1f} {few:>12.2f} {loop / few:>8.0f}")
    scaled = loop / given.images * given.many
    print(f"{given.many:>7} {scaled:>11.0f}* {many:>12.2f} {scaled / many:>8.0f}")
    print("* measured time an image, multiplied")


if __name__ == "__main__":
    main()
