"""How long a size takes, said before it begins, and whether it could begin here."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from experiment import parts
from experiment.methods import METHODS
from experiment.sizes import Size
from nastdata.progress import Progress


def describe(size: Size, out: Path, jobs: int) -> str:
    """Return what will be done and about how many hours it takes, in a paragraph."""
    trials = sum(m.same_norm_as is None for m in METHODS) * (len(size.rates) + len(size.decays) - 1)
    finals = [path for *_, path in parts.list_runs(size, out)]
    done = sum(path.exists() for path in finals)
    where = "one GPU" if size.device == "cuda" else "two idle cores"
    lines = [
        f"size {size.name}: {size.bases} pretrained {'model' if size.bases == 1 else 'models'}, "
        f"{trials:,} trials of learning rates, {len(finals):,} final runs of {size.steps:,} steps; "
        f"about {_tell_hours(size.hours)} on {where}",
        f"  kept in {out}; {done:,} of {len(finals):,} final runs done; processes: {jobs}",
    ]
    return "\n".join(lines)


def check_start(size: Size, progress: Progress) -> bool:
    """Say what is missing for a size to start on this machine; return whether nothing is."""
    missing = [
        f"the Python package {name}"
        for name in ("torch", "open_clip", "peft", "timm", "sklearn", "scipy", "matplotlib")
        if find_spec(name) is None
    ]
    if size.device == "cuda":
        import torch

        if not torch.cuda.is_available():
            missing.append("a GPU that torch can use")
        if size.checkpoint is None:
            missing.append("--checkpoint: the folder of a model")
        elif not (size.checkpoint / "open_clip_config.json").is_file():
            missing.append(f"{size.checkpoint}/open_clip_config.json")
        if size.images is None:
            missing.append("--images: the root of the corpus's images")
        elif not size.images.is_dir():
            missing.append(f"the folder {size.images}")
    for name in missing:
        progress.say(f"  missing: {name}")
    if not missing:
        progress.say("  nothing is missing: the same command without --dry-run starts it")
    return not missing


def _tell_hours(hours: float) -> str:
    if hours == 0:
        return "a minute"
    return f"{60 * hours:.0f} minutes" if hours < 1 else f"{hours:g} hours"
