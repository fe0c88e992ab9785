"""Checkpoints that survive a kill at any time: two are kept, each written beside its place and renamed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

NAMES = ("checkpoint-a.pt", "checkpoint-b.pt")


def write_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint in the place of the older of two; ``state`` has its ``step``."""
    found = _read_all(folder)
    newest = max(found, key=lambda name: int(found[name]["step"])) if found else NAMES[1]
    path = folder / (NAMES[0] if newest == NAMES[1] else NAMES[1])
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def read_checkpoint(folder: Path) -> tuple[dict[str, Any] | None, list[str]]:
    """Return the newest whole checkpoint, or None, and the names of damaged ones."""
    found = _read_all(folder)
    damaged = [name for name in NAMES if (folder / name).is_file() and name not in found]
    return (max(found.values(), key=lambda s: int(s["step"])) if found else None), damaged


def clear_checkpoints(folder: Path) -> None:
    """Remove checkpoints of a finished or abandoned run."""
    for name in NAMES:
        (folder / name).unlink(missing_ok=True)


def _read_all(folder: Path) -> dict[str, dict[str, Any]]:
    out = {}
    for name in NAMES:
        path = folder / name
        if path.is_file():
            try:
                state = torch.load(path, map_location="cpu", weights_only=True)
            except Exception:  # noqa: S112 - torch raises nearly anything; the caller names the damaged ones
                continue
            if isinstance(state, dict) and isinstance(state.get("step"), int):
                out[name] = state
    return out
