"""How long a size takes, said before it begins."""

from __future__ import annotations

from pathlib import Path

from experiment import parts
from experiment.methods import METHODS
from experiment.sizes import Size


def describe(size: Size, out: Path, jobs: int) -> str:
    """Return what will be done and about how many hours it takes, in a paragraph."""
    trials = sum(m.same_norm_as is None for m in METHODS) * (len(size.rates) + len(size.decays) - 1)
    finals = [path for *_, path in parts.list_runs(size, out)]
    done = sum(path.exists() for path in finals)
    where = "one GPU" if size.device == "cuda" else "two idle cores"
    lines = [
        f"size {size.name}: {size.bases} pretrained {'model' if size.bases == 1 else 'models'}, "
        f"{trials:,} trials of learning rates, {len(finals):,} final runs of {size.steps:,} steps; "
        f"about {tell_hours(size.hours)} on {where}",
        f"  kept in {out}; {done:,} of {len(finals):,} final runs done; processes: {jobs}",
    ]
    return "\n".join(lines)


def tell_hours(hours: float) -> str:
    """Return "30 minutes" or "14 hours"."""
    if hours == 0:
        return "a minute"
    return f"{60 * hours:.0f} minutes" if hours < 1 else f"{hours:g} hours"
