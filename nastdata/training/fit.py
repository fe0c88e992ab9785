"""A fine-tuning run from recipe to exported model: resumable, early-stopping, on one or many processes."""

from __future__ import annotations

import json
import math
import os
import warnings
from pathlib import Path
from typing import Any

import torch

from nastdata.errors import UserError
from nastdata.models.base import fingerprint_text
from nastdata.models.dataset_rows import open_data
from nastdata.models.registry import load_encoder
from nastdata.models.text_features import TextReader
from nastdata.progress import Progress
from nastdata.training.checkpoints import clear_checkpoints, read_checkpoint
from nastdata.training.layer_weights import copy_blocks, group_parameters, measure_update, read_alphas
from nastdata.training.lora import BaseWeights, add_lora, merge, save_adapter, write_state
from nastdata.training.parallel import World, join_world, leave_world
from nastdata.training.prepare import Validation, prepare
from nastdata.training.run_log import RunLog, check_kind
from nastdata.training.run_record import describe_run
from nastdata.training.settings import TrainRecipe
from nastdata.training.trainer import Run, Trainer
from nastdata.training.weight_shape import describe_weights

NEAR_CHANCE = 0.25
"""A validation score this share of the way from chance to the best, or less, is near chance."""


def fit(recipe: TrainRecipe, out: Path, progress: Progress, fresh: bool = False) -> dict[str, Any]:
    """Fine-tune a model and write ``run.json``, ``log.jsonl``, ``adapter/`` and the merged ``model/``.

    Args:
        recipe: The run; ``model`` and ``data`` must be given.
        out: Folder of the run; one that was interrupted is taken up again.
        progress: Where to tell.
        fresh: Begin anew even if there is a checkpoint.

    Returns:
        What ``run.json`` holds. ``failed`` says why nothing was exported, if no step was better than the
        model as it was.

    Raises:
        UserError: on unusable input, a checkpoint of another run, or a loss that is not a number.
    """
    if not recipe.model or recipe.data is None:
        raise UserError("model and data must be given", how="nastdata train RECIPE --model ... --data DIR")
    check_kind(recipe.log)
    take_device(recipe.device)
    world = join_world(recipe.device)
    try:
        return _fit(recipe, out, progress if world.leads else Progress(quiet=True), fresh, world)
    finally:
        leave_world(world)


def _fit(recipe: TrainRecipe, out: Path, progress: Progress, fresh: bool, world: World) -> dict[str, Any]:
    with progress.stage("data") as stage:
        data = open_data(recipe.data or Path(), recipe.images, recipe.phantom_size)
        encoder = load_encoder(recipe.model, recipe.device)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            alphas = read_alphas(encoder, recipe.layers)
        for warning in told:
            progress.say(f"  {warning.message}")
        if recipe.layers.scale != "none" and (recipe.layers.trace or recipe.layers.weights):
            progress.say(f"  {describe_weights(alphas, recipe.layers.beta)}")
        reader = TextReader(encoder)
        objective, validation = prepare(recipe, data, encoder, world)
        steps = recipe.steps or max(1, math.ceil(recipe.epochs * objective.batches / recipe.accumulate))
        stage.tell(f"{recipe.objective}: {objective.batches:,} batches an epoch, {steps:,} steps")
    about = describe_run(recipe, data, encoder, alphas.tolist(), steps)
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
    scaler = torch.amp.GradScaler(recipe.device.partition(":")[0], enabled=recipe.amp == "fp16")
    run = _resume(out, about["key"], model, optimizer, scaler, progress)
    log = RunLog(out, recipe.log, run.step, run.history, world.leads)
    base = BaseWeights(model)
    trainer = Trainer(
        recipe, objective, validation, reader, model, base, optimizer, scale, steps, world, scaler
    )
    with progress.stage("train") as stage:
        try:
            trainer.go(run, out, about["key"], log, progress)
        finally:
            log.close()
        stage.tell(f"best at step {run.best_step:,} of {run.step:,}: {validation.name} {run.best_score:.4f}")
    write_state(model, run.best)
    failed = find_failure(run, validation)
    if world.leads and failed is None:
        save_adapter(model, out / "adapter")
    base.restore()
    merge(model)
    about |= {
        "processes": world.size,
        "steps_done": run.step,
        "best_step": run.best_step,
        "best": {validation.name: run.best_score},
        "history": run.history,
        "failed": failed,
        "collapsed_at": find_collapse(run, validation),
        "frozen_blocks": [i + 1 for i, a in enumerate(alphas.tolist()) if a == 0],
        "update": measure_update(before, encoder),
        "text_tower_after": fingerprint_text(encoder),
    }
    if world.leads:
        if failed is None:
            about["exported"] = encoder.save(out / "model")
        (out / "run.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        clear_checkpoints(out)
    world.wait()
    return about


def find_failure(run: Run, validation: Validation) -> str | None:
    """Say why a run is none: no step was better than the model as it was; None if one was."""
    if run.best_step > 0:
        return None
    name, first = validation.name, run.history[0][validation.name]
    best = max((h[name] for h in run.history[1:]), default=first)
    return (
        f"no step was better than the untrained model ({name} {first:.4f} before, at best {best:.4f} after): "
        "nothing was learnt, and nothing is exported"
    )


def find_collapse(run: Run, validation: Validation) -> int | None:
    """Return the step from which on a run stayed near chance after it had been better; None if it did not."""
    scores = [(int(h["step"]), h[validation.name]) for h in run.history]
    highest = max(score for _, score in scores)
    near = validation.chance + NEAR_CHANCE * (highest - validation.chance)
    if highest <= validation.chance or scores[-1][1] > near:
        return None
    low = [step for step, score in scores if score > near]
    return next(step for step, _ in scores if step > max(low))


def take_device(device: str) -> None:
    """Let ``cuda`` mean this process's own GPU, where a launcher started one process for each."""
    if device == "cuda" and "LOCAL_RANK" in os.environ:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))


def _resume(out: Path, key: str, model: Any, optimizer: Any, scaler: Any, progress: Progress) -> Run:
    """Take up the newest whole checkpoint of this very run, if there is one."""
    state, damaged = read_checkpoint(out)
    for name in damaged:
        progress.say(f"  {out / name} is damaged and left aside")
    if state is None:
        return Run()
    if state["key"] != key:
        raise UserError(
            "a checkpoint of another run lies here",
            where=str(out),
            how="choose another --out, or add --fresh",
        )
    write_state(model, state["lora"])
    optimizer.load_state_dict(state["optimizer"])
    scaler.load_state_dict(state["scaler"])
    run = Run(**{k: state[k] for k in vars(Run())})
    progress.say(f"  taken up again at step {run.step:,}")
    return run
