"""The sizes of the experiment: what decides its figures, and about how long it takes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from nastdata.training.pretrain import PretrainSettings


@dataclass(frozen=True)
class Size:
    """One size of the study. Everything here decides its figures."""

    name: str
    pretrain: PretrainSettings
    """Of the first pretrained model; the others differ in their seed."""
    bases: int = 3
    """Pretrained models."""
    seeds: int = 3
    """Fine-tuning runs of the main methods on each pretrained model."""
    seeds_of_others: int = 1
    """Fine-tuning runs of the other methods on each pretrained model."""
    steps: int = 50
    """Of every fine-tuning run."""
    texts: int = 48
    """Texts through the text tower in a step, as near as each objective comes: the equal budget."""
    rates: tuple[float, ...] = (1.25e-3, 2.5e-3, 5e-3, 1e-2)
    """Learning rates, means over the blocks, that are tried for every method."""
    decays: tuple[float, ...] = (0.01,)
    """Weight decays: the first with every rate, each other one with the best rate."""
    validations: int = 2
    """Times that a run is validated; the best step is kept."""
    patients: int = 3000
    splits: dict[str, float] = field(default_factory=lambda: {"train": 0.35, "validation": 0.15, "test": 0.5})
    claim_rows: int = 8000
    """Most claim sets to train on; as many captions."""
    test_rows: int = 2000
    """Most rows of a config that a model is judged by."""
    probes: int = 600
    rank: int = 8
    bootstrap: int = 1000
    """Resamples of a trace's intervals."""
    threshold: float = 0.01
    controls: int = 3
    """Towers with shuffled weights that a trace is compared with."""
    checkpoints: tuple[Path, ...] = ()
    """Folders of pretrained models, one for each of ``bases``; empty: small ones are pretrained."""
    source: str = "phantom"
    """Corpus of the datasets."""
    data: Path | None = None
    """Where its labels and reports are; None: where ``nastdata build`` looks for them."""
    images: Path | None = None
    """Root of its images; phantom radiographs are drawn."""
    amp: str = "none"
    device: str = "cpu"
    processes: int = 1
    """Of one fine-tuning run, under ``torchrun``."""
    hours: float = 0.0
    """About how long it takes on the machine it is meant for."""

    @property
    def key(self) -> str:
        """Return the sha256 of what decides the figures."""
        told = {k: v for k, v in asdict(self).items() if k not in ("name", "hours", "processes")}
        return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


TINY_IMAGES = {"timm_model_name": "test_resnet"}
SMALL = Size(
    "small",
    PretrainSettings(
        steps=700,
        batch_size=64,
        patients=2000,
        learning_rate=2e-3,
        every=50,
        text={"layers": 8, "width": 64, "heads": 4, "context_length": 64},
        vision=TINY_IMAGES,
    ),
    hours=0.5,
)
OVERNIGHT = Size(
    "overnight",
    PretrainSettings(steps=900, patients=3000, text={"layers": 12, "width": 128, "heads": 4}),
    seeds_of_others=3,
    steps=200,
    texts=128,
    rates=(1e-3, 2e-3, 4e-3, 8e-3),
    decays=(0.01, 0.1),
    validations=4,
    patients=6000,
    claim_rows=40_000,
    test_rows=10_000,
    probes=1000,
    hours=14,
)
GPU = Size(
    "gpu",
    PretrainSettings(),
    bases=1,
    seeds_of_others=3,
    steps=1000,
    texts=512,
    rates=(5e-5, 1e-4, 2e-4, 4e-4),
    decays=(0.01, 0.1),
    validations=5,
    patients=20_000,
    splits={"train": 0.8, "validation": 0.1, "test": 0.1},
    claim_rows=200_000,
    test_rows=20_000,
    probes=4000,
    rank=16,
    amp="bf16",
    device="cuda",
    hours=20,
)
"""A real model of the scale of ViT-B/16, on one GPU of 80 GB."""
MICRO = Size(
    "micro",
    PretrainSettings(
        steps=8,
        batch_size=32,
        patients=60,
        every=4,
        text={"layers": 4, "width": 32, "heads": 2},
        vision=TINY_IMAGES,
    ),
    bases=2,
    seeds=1,
    steps=2,
    texts=16,
    rates=(1e-3, 3e-3),
    validations=1,
    patients=160,
    claim_rows=300,
    test_rows=200,
    probes=60,
    rank=2,
    bootstrap=50,
    threshold=1e-6,
    controls=1,
)
SIZES = {s.name: s for s in (SMALL, OVERNIGHT, GPU, MICRO)}
