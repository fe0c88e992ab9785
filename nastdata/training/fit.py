"""A fine-tuning run from recipe to exported model: resumable, early-stopping, on one or many processes."""

from __future__ import annotations

import json
import math
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nastdata.errors import UserError
from nastdata.models.base import DualEncoder, fingerprint_text
from nastdata.models.dataset_rows import get_keys, open_data
from nastdata.models.image_features import embed_images
from nastdata.models.registry import load_encoder
from nastdata.models.text_features import TextReader
from nastdata.progress import Progress
from nastdata.seeded import shuffle
from nastdata.tracing.run import TraceSettings, run_trace
from nastdata.training.checkpoints import clear_checkpoints, read_checkpoint
from nastdata.training.layer_weights import (
    copy_blocks,
    group_parameters,
    measure_update,
    read_alphas,
    weigh_trace,
)
from nastdata.training.lora import BaseWeights, add_lora, merge, save_adapter, write_state
from nastdata.training.parallel import World, join_world, leave_world
from nastdata.training.post_hoc import fit_post_hoc
from nastdata.training.prepare import Validation, prepare
from nastdata.training.run_log import RunLog, check_kind
from nastdata.training.run_record import describe_run
from nastdata.training.settings import TrainRecipe
from nastdata.training.trainer import Alphas, Run, Trainer
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
        told = progress if world.leads else Progress(quiet=True)
        if recipe.method != "lora":
            return fit_post_hoc(recipe, out, told, world)
        return _fit(recipe, out, told, fresh, world)
    finally:
        leave_world(world)


def _fit(recipe: TrainRecipe, out: Path, progress: Progress, fresh: bool, world: World) -> dict[str, Any]:
    with progress.stage("data") as stage:
        folders = (recipe.data or Path(), *recipe.more_data)
        datas = [open_data(folder, recipe.images, recipe.phantom_size) for folder in folders]
        encoder = load_encoder(recipe.model, recipe.device)
        alphas = _say_warnings(lambda: read_alphas(encoder, recipe.layers), progress)
        if recipe.layers.scale != "none" and (recipe.layers.trace or recipe.layers.weights):
            progress.say(f"  {describe_weights(alphas, recipe.layers.beta)}")
        reader = TextReader(encoder)
        objective, validation = prepare(recipe, datas, encoder, world)
        steps = recipe.steps or max(1, math.ceil(recipe.epochs * objective.batches / recipe.accumulate))
        stage.tell(f"{recipe.objective}: {objective.batches:,} batches an epoch, {steps:,} steps")
    about = describe_run(recipe, datas, encoder, alphas, steps)
    before = copy_blocks(encoder)
    scale = recipe.loss.scale or (1 / 0.07 if recipe.objective == "con2" else encoder.scale)
    model = add_lora(encoder, recipe.lora, recipe.seed)
    groups = group_parameters(model.named_parameters(), alphas, recipe.layers, recipe.learning_rate)
    if not groups:
        raise UserError(
            "every layer is frozen", where="layers.trace", how="use scale: none, or another trace"
        )
    optimizer = make_optimizer(recipe, groups)
    if world.leads:
        out.mkdir(parents=True, exist_ok=True)
        if fresh:
            clear_checkpoints(out)
    world.wait()
    scaler = torch.amp.GradScaler(recipe.device.partition(":")[0], enabled=recipe.amp == "fp16")
    run = _resume(out, about["key"], model, optimizer, scaler, progress)
    log = RunLog(out, recipe.log, run.step, run.history, world.leads)
    base = BaseWeights(model)
    again = make_retrace(recipe, encoder, world, progress) if recipe.layers.retrace else None
    trainer = Trainer(
        recipe,
        objective,
        validation,
        reader,
        model,
        base,
        optimizer,
        scale,
        steps,
        world,
        scaler,
        alphas,
        again,
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
        "frozen_blocks": [i + 1 for i, a in enumerate(alphas) if np.max(a) == 0],
        "alphas_retraced": run.alphas,
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


def make_optimizer(recipe: TrainRecipe, groups: list[dict[str, Any]]) -> Any:
    """Return AdamW, or stochastic gradient descent with momentum."""
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            groups, lr=recipe.learning_rate, momentum=0.9, weight_decay=recipe.weight_decay
        )
    return torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)


def make_retrace(
    recipe: TrainRecipe, encoder: DualEncoder, world: World, progress: Progress
) -> Callable[[], Alphas]:
    """Return what traces the model midway and makes new layer weights.

    Raises:
        UserError: if there are no probes.
    """
    again = recipe.layers.retrace
    if again is None:
        raise ValueError("no retrace in this recipe")
    data = open_data(again.probes, recipe.images, recipe.phantom_size)
    rows = data.rows("probes", "train")
    rows = rows[shuffle(range(len(rows)), recipe.seed, "retrace")[: again.limit]]
    if not world.leads:
        world.wait()
    images = embed_images(encoder, data.store, get_keys(rows), recipe.cache)
    if world.leads:
        world.wait()
    settings = TraceSettings(again.threshold, controls=0, bootstrap=200, seed=recipe.seed)

    def trace() -> Alphas:
        found = run_trace(encoder, rows, images, settings)
        alphas = _say_warnings(lambda: weigh_trace(found, recipe.layers), progress)
        progress.say(f"  traced again; {describe_weights(alphas, recipe.layers.beta)}")
        return alphas

    return trace


def _say_warnings(make: Callable[[], Alphas], progress: Progress) -> Alphas:
    """Return what a function makes; its warnings become lines of progress."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        alphas = make()
    for warning in found:
        progress.say(f"  {warning.message}")
    return alphas


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
