"""The training loop: batches, steps, validations, checkpoints; stopped early where nothing improves."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nastdata.errors import UserError
from nastdata.models.text_features import TextReader
from nastdata.progress import Progress
from nastdata.seeded import draw_int
from nastdata.training.checkpoints import write_checkpoint
from nastdata.training.head_weights import share_heads, slow_down
from nastdata.training.layer_weights import scale_gradients, set_factors
from nastdata.training.lora import BaseWeights, read_state
from nastdata.training.objectives.base import Objective
from nastdata.training.parallel import World, encode_distinct
from nastdata.training.prepare import Validation
from nastdata.training.run_log import RunLog
from nastdata.training.settings import TrainRecipe

Alphas = npt.NDArray[np.float64]
AMP = {"bf16": torch.bfloat16, "fp16": torch.float16}
LEAST_SCALE = 1.0
"""Under fp16 a step whose gradient overflows is left out and the loss scaled less, down to this."""


@dataclass
class Run:
    """The state of a run that a checkpoint holds."""

    step: int = 0
    best_step: int = 0
    best_score: float = -math.inf
    best: dict[str, Tensor] = field(default_factory=dict)
    stale: int = 0
    """Validations since the best."""
    history: list[dict[str, float]] = field(default_factory=list)
    alphas: list[Any] | None = None
    """Layer weights of the second trace, where one was made."""


@dataclass
class Trainer:
    """Takes a run from where it is to its end."""

    recipe: TrainRecipe
    objective: Objective
    validation: Validation
    reader: TextReader
    model: Any
    base: BaseWeights
    optimizer: Any
    scale: float
    steps: int
    world: World
    scaler: Any
    """torch's ``GradScaler``; at work under fp16 only."""
    alphas: Alphas
    """Layer weights from the start: (depth,), or (depth, heads)."""
    retrace: Callable[[], Alphas] | None = None
    """Traces the model as it is, midway; returns new weights."""

    def go(self, run: Run, out: Path, key: str, log: RunLog, progress: Progress) -> None:
        """Train until the steps are done or validations stop improving.

        Raises:
            UserError: if the loss is not a number; the last checkpoint stays.
        """
        every = self.recipe.validate_every
        if run.step == 0 and not run.history:
            self._validate(run, {}, log)
            self._save(run, out, key)
        self._weigh(self.alphas if run.alphas is None else np.array(run.alphas))
        started, first = time.monotonic(), run.step
        while run.step < self.steps and not self._is_stale(run):
            if self.retrace is not None and run.step == self._middle:
                self.base.restore()
                self.model.eval()
                found = self.retrace()
                run.alphas = found.tolist()
                self._weigh(found)
            scalars = self._step(run.step)
            run.step += 1
            log.tell_step(run.step, scalars)
            if run.step % every == 0 or run.step == self.steps:
                self._validate(run, scalars, log)
                self._save(run, out, key)
                pace = (time.monotonic() - started) / (run.step - first)
                progress.say(
                    f"  step {run.step:,}/{self.steps:,}  loss {scalars['loss']:.4f}  "
                    f"{self.validation.name} {run.history[-1][self.validation.name]:.4f}  {pace:.2f} s/step"
                )

    def _weigh(self, alphas: Alphas) -> None:
        """Give each block, and each head where there are weights of heads, its learning rate."""
        layers = self.recipe.layers
        set_factors(self.optimizer.param_groups, alphas, layers, self.recipe.learning_rate)
        self._heads = share_heads(self.model.named_parameters(), alphas, layers)

    @property
    def _middle(self) -> int:
        """The step before which the model is traced again."""
        again = self.recipe.layers.retrace
        return -1 if again is None else round(again.at * self.steps)

    def _step(self, step: int) -> dict[str, float]:
        """Take one optimizer step; return the loss's parts, the learning rate and two norms."""
        r = self.recipe
        warm = self._warm(step)
        for group in self.optimizer.param_groups:
            group["lr"] = group["base"] * warm
        self.base.restore()
        self.optimizer.zero_grad(set_to_none=True)
        self.model.train(r.lora.dropout > 0)
        # dropout is the only chance left in a step: drawn anew, it needs no place in the checkpoint
        torch.manual_seed(draw_int(r.seed, "dropout", step, self.world.rank))
        scalars = self._add_up(step)
        parameters = [p for g in self.optimizer.param_groups for p in g["params"]]
        self.world.average_gradients(parameters)
        self.scaler.unscale_(self.optimizer)
        highest = math.inf if r.clip_norm is None else r.clip_norm
        norm = float(torch.nn.utils.clip_grad_norm_(parameters, highest))
        if math.isfinite(norm):
            scalars["gradient_norm"] = norm
        elif not self.scaler.is_enabled() or self.scaler.get_scale() < LEAST_SCALE:
            raise _tell_broken("gradient", norm, step)
        if r.layers.scale == "gradient":
            scale_gradients(self.optimizer.param_groups)
        before = {p: p.detach().clone() for p in parameters}
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if r.layers.scale == "lr":
            slow_down(before, self._heads)
        moved = [(p.detach() - old).norm() for p, old in before.items()]
        scalars["update_norm"] = float(torch.stack(moved).norm())
        scalars["learning_rate"] = r.learning_rate * warm
        return scalars

    def _add_up(self, step: int) -> dict[str, float]:
        """Go forward and back over the step's batches; return the means of the loss's parts."""
        n = self.recipe.accumulate
        sums: dict[str, float] = {}
        for i in range(n):
            parts = self.objective.compute(step * n + i, self._encode, self.scale)
            value = float(parts["loss"].detach())
            if not math.isfinite(value):
                raise _tell_broken("loss", value, step)
            self.scaler.scale(parts["loss"] / n).backward()
            for name, part in parts.items():
                sums[name] = sums.get(name, 0.0) + float(part.detach()) / n
        return sums

    def _encode(self, texts: Any) -> Tensor:
        if self.recipe.amp == "none":
            return encode_distinct(texts, self.reader.encode, self.world)
        kind = self.reader.device.type
        with torch.autocast(kind, dtype=AMP[self.recipe.amp]):
            features = encode_distinct(texts, self.reader.encode, self.world)
        return torch.nn.functional.normalize(features.float(), dim=-1)

    def _warm(self, step: int) -> float:
        rising = max(1, round(self.recipe.warmup * self.steps))
        if step < rising:
            return (step + 1) / rising
        return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, self.steps - rising)))

    def _validate(self, run: Run, scalars: dict[str, float], log: RunLog) -> None:
        self.base.restore()
        self.model.eval()
        score = self.validation.score(self.reader)
        run.history.append({"step": run.step, **scalars, self.validation.name: score})
        log.tell_score(run.history[-1])
        if score > run.best_score:
            run.best_score, run.best_step, run.stale = score, run.step, 0
            run.best = read_state(self.model)
        else:
            run.stale += 1

    def _is_stale(self, run: Run) -> bool:
        return self.recipe.patience is not None and run.stale >= self.recipe.patience

    def _save(self, run: Run, out: Path, key: str) -> None:
        if self.world.leads:
            state = {
                **vars(run),
                "key": key,
                "lora": read_state(self.model),
                "optimizer": self.optimizer.state_dict(),
                "scaler": self.scaler.state_dict(),
            }
            write_checkpoint(out, state)
        self.world.wait()


def _tell_broken(what: str, value: float, step: int) -> UserError:
    return UserError(
        f"the {what} is {value} at step {step + 1}; the last checkpoint is kept",
        how="lower learning_rate, or set amp: none",
    )
