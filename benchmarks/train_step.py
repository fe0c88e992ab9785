"""A training step with cached image features beside one that runs the image tower again.

python benchmarks/train_step.py [--steps 5]

The image tower is frozen, so that its features never change; the step is the CLIP loss on 64 films and their
captions with LoRA in the text tower. "+once": besides, each distinct text of the batch is encoded once, as
``nastdata train`` does (here every text is there twice; in real batches of statements more often).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import torch
from machine import describe_machine

from nastdata.models.open_clip import OpenClipEncoder
from nastdata.models.registry import load_encoder
from nastdata.models.small_clip import make_encoder
from nastdata.training.lora import add_lora
from nastdata.training.losses import compute_clip
from nastdata.training.settings import LoraSettings

BATCH, DISTINCT = 64, 32


def time_steps(encoder: Any, get_images: Callable[[], Any], steps: int, once: bool = False) -> float:
    """Return CPU seconds a step (the median); with ``once``, every distinct text is encoded once."""
    model = encoder.model
    learning = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=1e-4)
    texts = [f"There is no finding number {i % DISTINCT}, the heart is of normal size." for i in range(BATCH)]
    tokens = encoder.tokenize(texts[:DISTINCT] if once else texts)
    rows = torch.arange(BATCH) % DISTINCT if once else torch.arange(BATCH)
    taken = []
    for _ in range(steps + 1):
        start = time.process_time()
        optimizer.zero_grad()
        compute_clip(get_images(), encoder.encode_texts(tokens)[rows], 14.0).backward()
        optimizer.step()
        taken.append(time.process_time() - start)
    return sorted(taken[1:])[steps // 2]


def compare(name: str, encoder: Any, size: int, steps: int) -> None:
    """Print one row."""
    for parameter in encoder.model.parameters():
        parameter.requires_grad_(False)
    add_lora(encoder, LoraSettings(), seed=0)
    pixels = torch.randn(BATCH, 3, size, size)

    def encode() -> Any:
        with torch.no_grad():
            return encoder.encode_images(pixels)

    cached = encode()
    again = time_steps(encoder, encode, steps)
    kept = time_steps(encoder, lambda: cached, steps)
    once = time_steps(encoder, lambda: cached, steps, once=True)
    print(f"{name:<34} {again:>10.3f} {kept:>10.3f} {once:>10.3f} {again / kept:>7.1f} {again / once:>7.1f}")


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{describe_machine()}; one thread, CPU seconds a step (median of {given.steps}), batch {BATCH}")
    head = f"{'again, s':>10} {'cached, s':>10} {'+once, s':>10} {'ratio':>7} {'ratio':>7}"
    print(f"{'model (random weights)':<34} {head}")
    small: OpenClipEncoder = make_encoder(0)
    compare("scratch: resnet10t 64 px, 12 layers", small, 64, given.steps)
    compare("ViT-B-32, 224 px, 12 layers", load_encoder("open_clip:ViT-B-32"), 224, given.steps)


if __name__ == "__main__":
    main()
