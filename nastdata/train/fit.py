"""A fine-tuning run from recipe to exported model: resumable, early-stopping, on one or many processes."""

from __future__ import annotations

import hashlib
import json
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nastdata.errors import UserError
from nastdata.progress import Progress
from nastdata.recipe import fingerprint
from nastdata.train.checkpoints import clear_checkpoints, read_checkpoint, write_checkpoint
from nastdata.train.lora import BaseWeights, add_lora, merge, read_state, save_adapter, write_state
from nastdata.train.models import DualEncoder, fingerprint_images, fingerprint_text, load_encoder
from nastdata.train.objectives import Objective
from nastdata.train.parallel import World, encode_distinct, join_world, leave_world
from nastdata.train.prepare import Validation, prepare
from nastdata.train.rows import Data, open_data
from nastdata.train.settings import TrainRecipe
from nastdata.train.texts import TextReader
from nastdata.train.weights import copy_blocks, group_parameters, measure_update, read_alphas, scale_gradients

AMP = {"bf16": torch.bfloat16, "fp16": torch.float16}


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


def fit(recipe: TrainRecipe, out: Path, progress: Progress, fresh: bool = False) -> dict[str, Any]:
    """Fine-tune a model and write ``run.json``, ``log.jsonl``, ``adapter/`` and the merged ``model/``.

    Args:
        recipe: The run; ``model`` and ``data`` must be given.
        out: Folder of the run; one that was interrupted is taken up again.
        progress: Where to tell.
        fresh: Begin anew even if there is a checkpoint.

    Returns:
        What ``run.json`` holds.

    Raises:
        UserError: on unusable input, a checkpoint of another run, or a loss that is no number.
    """
    if not recipe.model or recipe.data is None:
        raise UserError("model and data must be given", how="nastdata train RECIPE --model ... --data DIR")
    world = join_world(recipe.device)
    try:
        return _fit(recipe, out, progress if world.leads else Progress(quiet=True), fresh, world)
    finally:
        leave_world(world)


def _fit(recipe: TrainRecipe, out: Path, progress: Progress, fresh: bool, world: World) -> dict[str, Any]:
    with progress.stage("data") as stage:
        data = open_data(recipe.data or Path(), recipe.images, recipe.phantom_size)
        encoder = load_encoder(recipe.model, recipe.device)
        alphas = read_alphas(encoder, recipe.layers)
        reader = TextReader(encoder)
        objective, validation = prepare(recipe, data, encoder, world)
        steps = recipe.steps or max(1, math.ceil(recipe.epochs * objective.batches / recipe.accumulate))
        stage.tell(f"{recipe.objective}: {objective.batches:,} batches an epoch, {steps:,} steps")
    about = _describe(recipe, data, encoder, alphas.tolist(), steps)
    before = copy_blocks(encoder)
    scale = recipe.loss.scale or (1 / 0.07 if recipe.objective == "con2" else encoder.scale)
    model = add_lora(encoder, recipe.lora, recipe.seed)
    groups = group_parameters(model.named_parameters(), alphas.tolist(), recipe.layers, recipe.learning_rate)
    if not groups:
        raise UserError(
            "every layer is frozen", where="layers.trace", how="use scale: none, or another trace"
        )
    optimizer = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
    if world.leads:
        out.mkdir(parents=True, exist_ok=True)
        if fresh:
            clear_checkpoints(out)
    world.wait()
    run = _resume(out, about["key"], model, optimizer, progress)
    base = BaseWeights(model)
    trainer = Trainer(recipe, objective, validation, reader, model, base, optimizer, scale, steps, world)
    with progress.stage("train") as stage:
        trainer.go(run, out, about["key"], progress)
        stage.tell(f"best at step {run.best_step:,} of {run.step:,}: {validation.name} {run.best_score:.4f}")
    write_state(model, run.best)
    if world.leads:
        save_adapter(model, out / "adapter")
    base.restore()
    merge(model)
    about |= {
        "steps_done": run.step,
        "best_step": run.best_step,
        "best": {validation.name: run.best_score},
        "history": run.history,
        "update": measure_update(before, encoder),
        "text_tower_after": fingerprint_text(encoder),
    }
    if world.leads:
        about["exported"] = encoder.save(out / "model")
        (out / "run.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        clear_checkpoints(out)
    world.wait()
    return about


@dataclass
class Trainer:
    """The loop: batches, steps, validations, checkpoints."""

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

    def go(self, run: Run, out: Path, key: str, progress: Progress) -> None:
        """Train until the steps are done or validations stop improving.

        Raises:
            UserError: if the loss is not a number; the last checkpoint stays.
        """
        every = self.recipe.validate_every
        if run.step == 0 and not run.history:
            self._validate(run, {})
            self._save(run, out, key)
        started, first = time.monotonic(), run.step
        while run.step < self.steps and not self._is_stale(run):
            parts = self._step(run.step)
            run.step += 1
            self._log(out, run.step, parts)
            if run.step % every == 0 or run.step == self.steps:
                self._validate(run, parts)
                self._save(run, out, key)
                pace = (time.monotonic() - started) / (run.step - first)
                progress.say(
                    f"  step {run.step:,}/{self.steps:,}  loss {parts['loss']:.4f}  "
                    f"{self.validation.name} {run.history[-1][self.validation.name]:.4f}  {pace:.2f} s/step"
                )

    def _step(self, step: int) -> dict[str, float]:
        r = self.recipe
        for group in self.optimizer.param_groups:
            group["lr"] = group["base"] * self._warm(step)
        self.base.restore()
        self.optimizer.zero_grad(set_to_none=True)
        self.model.train(r.lora.dropout > 0)
        sums: dict[str, float] = {}
        for i in range(r.accumulate):
            parts = self.objective.compute(step * r.accumulate + i, self._encode, self.scale)
            value = float(parts["loss"].detach())
            if not math.isfinite(value):
                raise UserError(
                    f"the loss is {value} at step {step + 1}; the last checkpoint is kept",
                    how="lower learning_rate, or set amp: none",
                )
            (parts["loss"] / r.accumulate).backward()
            for name, part in parts.items():
                sums[name] = sums.get(name, 0.0) + float(part.detach()) / r.accumulate
        parameters = [p for g in self.optimizer.param_groups for p in g["params"]]
        self.world.average_gradients(parameters)
        if r.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(parameters, r.clip_norm)
        if r.layers.scale == "gradient":
            scale_gradients(self.optimizer.param_groups)
        self.optimizer.step()
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

    def _validate(self, run: Run, parts: dict[str, float]) -> None:
        self.base.restore()
        self.model.eval()
        score = self.validation.score(self.reader)
        run.history.append({"step": run.step, **parts, self.validation.name: score})
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
                "random": torch.get_rng_state(),
            }
            write_checkpoint(out, state)
        self.world.wait()

    def _log(self, out: Path, step: int, parts: dict[str, float]) -> None:
        if self.world.leads:
            line = {"step": step, **{k: round(v, 6) for k, v in parts.items()}}
            with (out / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


def _resume(out: Path, key: str, model: Any, optimizer: Any, progress: Progress) -> Run:
    """Take up the newest whole checkpoint of this very run, if there is one."""
    state, damaged = read_checkpoint(out)
    for name in damaged:
        progress.say(f"  {out / name} is damaged and left aside")
    if state is None:
        (out / "log.jsonl").unlink(missing_ok=True)
        return Run()
    if state["key"] != key:
        raise UserError(
            "a checkpoint of another run lies here",
            where=str(out),
            how="choose another --out, or add --fresh",
        )
    write_state(model, state["lora"])
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["random"])
    run = Run(**{k: state[k] for k in vars(Run())})
    _cut_log(out / "log.jsonl", run.step)
    progress.say(f"  taken up again at step {run.step:,}")
    return run


def _cut_log(path: Path, step: int) -> None:
    """Leave out lines of steps that will be done again."""
    if path.is_file():
        lines = [x for x in path.read_text(encoding="utf-8").splitlines() if x.endswith("}")]
        kept = [x for x in lines if json.loads(x)["step"] <= step]
        path.write_text("".join(f"{x}\n" for x in kept), encoding="utf-8")


def _describe(
    recipe: TrainRecipe, data: Data, encoder: DualEncoder, alphas: list[float], steps: int
) -> dict[str, Any]:
    """What the run is made of; ``key`` is the sha256 that a checkpoint must share."""
    from nastdata import __version__
    from nastdata.dataset.manifest import hash_file
    from nastdata.lineage import find_revision, find_version

    files = sorted(p for splits in data.folder.files.values() for paths in splits.values() for p in paths)
    about: dict[str, Any] = {
        "nastdata": __version__,
        "git_revision": find_revision(),
        "libraries": {
            n: find_version(n) for n in ("torch", "open_clip_torch", "transformers", "peft", "numpy")
        },
        "recipe": recipe.model_dump(mode="json", exclude={"cache", "device", "images"}),
        "fingerprint": fingerprint(recipe),
        "model": encoder.spec,
        "text_tower": fingerprint_text(encoder),
        "image_tower": fingerprint_images(encoder),
        "data": {p.relative_to(data.folder.path).as_posix(): hash_file(p) for p in files},
        "alphas": [round(a, 6) for a in alphas],
        "steps": steps,
    }
    made_of = {k: about[k] for k in ("recipe", "text_tower", "image_tower", "data", "alphas", "steps")}
    made_of["recipe"] = {k: v for k, v in made_of["recipe"].items() if k not in ("model", "data")}
    about["key"] = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
    return about
