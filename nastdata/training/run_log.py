"""What a run writes as it goes: ``log.jsonl``, one line a step, and TensorBoard's events if wanted.

``log.jsonl`` is the record. The events are written from it again whenever a run is taken up, so that no step
stands there twice and none that a kill kept from being flushed is missing.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from nastdata.errors import UserError

Kind = Literal["none", "tensorboard"]
EVENTS = "tensorboard"
"""Folder of the events, in the run's folder."""


class RunLog:
    """Writes the scalars of steps and validations of one run; silent in processes that don't lead."""

    def __init__(
        self, out: Path, kind: Kind, step: int, history: Sequence[Mapping[str, float]], leads: bool = True
    ) -> None:
        """Take up the log of a run at ``step``; later lines are of steps that will be done again.

        Raises:
            UserError: if TensorBoard is wanted and not installed.
        """
        self._path = out / "log.jsonl"
        self._leads = leads
        self._writer: Any = None
        if not leads:
            return
        lines = _cut(self._path, step)
        folder = out / EVENTS
        if folder.is_dir():
            shutil.rmtree(folder)
        if kind == "tensorboard":
            self._writer = _open_events(folder)
            for line in lines:
                self._show("train", line)
            for validation in history:
                self._show_score(validation)

    def tell_step(self, step: int, scalars: Mapping[str, float]) -> None:
        """Add a step: parts of the loss, learning rate, norms of the gradient and of the update."""
        if not self._leads:
            return
        line = {"step": step, **{k: float(f"{v:.6g}") for k, v in scalars.items()}}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if self._writer is not None:
            self._show("train", line)

    def tell_score(self, validation: Mapping[str, float]) -> None:
        """Add a validation; its score is the last entry, as in the run's history."""
        if self._writer is not None:
            self._show_score(validation)
            self._writer.flush()

    def close(self) -> None:
        """Write what is not written yet."""
        if self._writer is not None:
            self._writer.close()

    def _show(self, group: str, line: Mapping[str, float]) -> None:
        for name, value in line.items():
            if name != "step":
                self._writer.add_scalar(f"{group}/{name}", value, int(line["step"]))

    def _show_score(self, validation: Mapping[str, float]) -> None:
        name = list(validation)[-1]
        self._show("validation", {"step": validation["step"], name: validation[name]})


def check_kind(kind: Kind) -> None:
    """Make sure that a kind of log can be written, before the work begins.

    Raises:
        UserError: if TensorBoard is wanted and not installed.
    """
    from importlib.util import find_spec

    if kind == "tensorboard" and find_spec("tensorboard") is None:
        raise UserError(
            "TensorBoard is not installed",
            where="log: tensorboard",
            how="pip install 'nastdata[tensorboard]', or log: none (log.jsonl is written anyway)",
        )


def _open_events(folder: Path) -> Any:
    check_kind("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder))


def _cut(path: Path, step: int) -> list[dict[str, float]]:
    """Leave out lines after ``step``, and one cut off by a kill; return those that stay."""
    if step == 0 or not path.is_file():
        path.unlink(missing_ok=True)
        return []
    lines = [x for x in path.read_text(encoding="utf-8").splitlines() if x.endswith("}")]
    kept: list[dict[str, float]] = [line for line in map(json.loads, lines) if line["step"] <= step]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in kept), encoding="utf-8")
    return kept
