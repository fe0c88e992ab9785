"""The sizes of the experiment: what decides its figures, and about how long it takes."""

from __future__ import annotations

from dataclasses import dataclass, field

from nastdata.training.pretrain import PretrainSettings


@dataclass(frozen=True)
class Size:
    """One size of the study."""

    name: str
    pretrain: PretrainSettings
    bases: int = 3
    """Pretrained models."""
    seeds: int = 3
    """Fine-tuning runs of each method on each pretrained model."""
    steps: int = 100
    texts: int = 64
    """Texts through the text tower in a step, as near as each objective comes: the equal budget."""
    rates: tuple[float, ...] = (1e-3, 3e-3, 1e-2)
    """Learning rates that are tried for every method."""
    decays: tuple[float, ...] = (0.01, 0.1)
    """Weight decays: the first with every rate, the others with the best rate."""
    patients: int = 2000
    probes: int = 600
    rank: int = 8
    bootstrap: int = 1000
    threshold: float = 0.01
    controls: int = 3
    splits: dict[str, float] = field(default_factory=lambda: {"train": 0.6, "validation": 0.15, "test": 0.25})


MICRO = Size(
    "micro",
    PretrainSettings(
        steps=8,
        batch_size=32,
        patients=60,
        every=4,
        text={"layers": 4, "width": 32, "heads": 2},
        vision={"timm_model_name": "test_resnet"},
    ),
    bases=2,
    seeds=1,
    steps=2,
    texts=32,
    rates=(1e-3, 3e-3),
    decays=(0.01,),
    patients=160,
    probes=60,
    rank=2,
    bootstrap=50,
    threshold=1e-6,
    controls=1,
)
