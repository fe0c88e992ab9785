"""Runs that leave the text tower as it is: rules that read the text, and a linear map behind the tower.

They are the cheap rivals that fine-tuning has to beat, on the same data and judged by the same validation.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nastdata.dataset.kept import find_kept_ontology
from nastdata.errors import UserError
from nastdata.models.base import DualEncoder, fingerprint_text
from nastdata.models.dataset_rows import open_data
from nastdata.models.post_hoc.encoder import make_linear_encoder, make_rule_encoder
from nastdata.models.post_hoc.reference import Reference
from nastdata.models.post_hoc.rules import RuleName
from nastdata.models.registry import load_encoder
from nastdata.models.text_features import TextReader
from nastdata.ontology import find_ontology_file
from nastdata.progress import Progress
from nastdata.training.objectives.base import Objective
from nastdata.training.objectives.material import Material
from nastdata.training.objectives.registry import make_objective
from nastdata.training.parallel import World
from nastdata.training.prepare import Validation, make_validation
from nastdata.training.run_record import describe_run
from nastdata.training.settings import TrainRecipe

POWERS = (1.0, 0.5, 0.0)
"""Tried for a rule: see ``Reference.standardise``; the first of equally good ones is kept."""
CONFIGS = ("contextual_captions", "contextual_claims", "mednega", "opposition")
"""Where reference images are looked for; the first that a dataset has."""


def fit_post_hoc(recipe: TrainRecipe, out: Path, progress: Progress, world: World) -> dict[str, Any]:
    """Measure a rule's reference or fit a linear map; write ``run.json`` and ``model/``.

    Args:
        recipe: The run; ``method`` is not ``lora``.
        out: Its folder. There are no checkpoints: it takes seconds, and again gives the same numbers.
        progress: Where to tell.
        world: Every process does the same; the first writes.

    Returns:
        What ``run.json`` holds, with the keys of a LoRA run that have a meaning here.

    Raises:
        UserError: on unusable input.
    """
    with progress.stage("data") as stage:
        folders = (recipe.data or Path(), *recipe.more_data)
        datas = [open_data(folder, recipe.images, recipe.phantom_size) for folder in folders]
        inner = load_encoder(recipe.model, recipe.device)
        material = Material(recipe, datas, inner, world)
        stage.tell(recipe.method)
    with progress.stage("train") as stage:
        if recipe.method == "linear" or recipe.method == "lora":
            found = fit_linear(recipe, inner, make_objective(material), make_validation(material))
        else:
            found = measure_rule(recipe.method, inner, material)
        encoder, history, steps = found
        # a rule is what it is, better or not; of a linear map the best step is kept
        best = max(history, key=lambda h: (h["score"], -h["step"])) if steps else history[-1]
        stage.tell(f"{best['name']} {history[0]['score']:.4f} before, {best['score']:.4f} after")
    about = describe_run(recipe, datas, inner, np.zeros(0), steps)
    name = best["name"]
    failed = None
    if recipe.method == "linear" and best["step"] == 0:
        failed = (
            f"no step was better than the untrained model ({name} {best['score']:.4f}): nothing is exported"
        )
    about |= {
        "steps_done": steps,
        "best_step": best["step"],
        "best": {name: best["score"]},
        "history": [{"step": h["step"], name: h["score"]} for h in history],
        "failed": failed,
        "collapsed_at": None,
        "frozen_blocks": [],
        "update": {"norms": [], "top3": None, "top5": None},
        "text_tower_after": fingerprint_text(inner),
    }
    if world.leads:
        out.mkdir(parents=True, exist_ok=True)
        if failed is None:
            about["exported"] = encoder.save(out / "model")
        (out / "run.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    world.wait()
    return about


Fitted = tuple[Any, list[dict[str, Any]], int]
"""Encoder, scores on the validation rows (step, name, score; step 0 is the model as it was), steps."""


def measure_rule(rule: RuleName, inner: DualEncoder, material: Material) -> Fitted:
    """Return an encoder that scores by a rule, held against the training images (no labels are used).

    The one thing that is chosen, by validation, is the power of the spread that scores are divided by: three
    trials, as a fine-tuned method has of learning rates.

    Raises:
        UserError: if no dataset has training rows with images.
    """
    config = next((c for c in CONFIGS if material.find(c, "train") is not None), CONFIGS[0])
    part = material.load(config, "train")
    images = material.look(part)
    distinct = torch.tensor(_find_first(part.frame["image"].to_list()), device=images.device)
    folder = material.datas[part.number].folder
    ontology = find_kept_ontology(folder.path, (folder.manifest or {}).get("recipe", {}))
    reference = Reference.measure(images[distinct])
    validation = make_validation(material)
    before = validation.score(TextReader(inner))
    best: tuple[float, Any] = (-math.inf, None)
    for power in POWERS:
        encoder: Any = make_rule_encoder(
            "post-hoc:", inner, rule, reference, find_ontology_file(ontology), power
        )
        encoder.model.to(images.device)
        lifted = replace(validation, images=encoder.head.look(validation.images))
        score = lifted.score(TextReader(encoder))
        if score > best[0]:
            best = (score, encoder)
    scores = (before, best[0])
    return best[1], [{"step": i, "name": validation.name, "score": s} for i, s in enumerate(scores)], 0


def fit_linear(
    recipe: TrainRecipe, inner: DualEncoder, objective: Objective, validation: Validation
) -> Fitted:
    """Fit a linear map on frozen text features by the recipe's objective; keep the best by validation.

    Raises:
        UserError: if the loss is not a number.
    """
    encoder: Any = make_linear_encoder("post-hoc:", inner)
    reader, head = TextReader(encoder), encoder.model.head
    for parameter in head.parameters():
        parameter.requires_grad_(True)
    optimizer = torch.optim.AdamW(
        head.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    steps = recipe.steps or max(1, math.ceil(recipe.epochs * objective.batches / recipe.accumulate))
    scale = recipe.loss.scale or (1 / 0.07 if recipe.objective == "con2" else inner.scale)
    history: list[dict[str, Any]] = [{"step": 0, "name": validation.name, "score": validation.score(reader)}]
    best = _copy(head)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * warm(step, steps, recipe.warmup)
        optimizer.zero_grad(set_to_none=True)
        for i in range(recipe.accumulate):
            loss = objective.compute(step * recipe.accumulate + i, reader.encode, scale)["loss"]
            if not math.isfinite(float(loss.detach())):
                how = "lower learning_rate"
                raise UserError(f"the loss is {float(loss.detach())} at step {step + 1}", how=how)
            (loss / recipe.accumulate).backward()
        optimizer.step()
        if (step + 1) % recipe.validate_every == 0 or step + 1 == steps:
            score = validation.score(reader)
            if score > max(h["score"] for h in history):
                best = _copy(head)
            history.append({"step": step + 1, "name": validation.name, "score": score})
    head.load_state_dict(best)
    head.requires_grad_(False)
    return encoder, history, steps


def warm(step: int, steps: int, warmup: float) -> float:
    """Return the share of the learning rate at a step: up over ``warmup``, then down as a cosine."""
    rising = max(1, round(warmup * steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


def _copy(head: Any) -> dict[str, Tensor]:
    return {k: v.detach().clone() for k, v in head.state_dict().items()}


def _find_first(values: Sequence[object]) -> list[int]:
    """Return the place of the first of each distinct value."""
    first: dict[object, int] = {}
    for i, value in enumerate(values):
        first.setdefault(value, i)
    return list(first.values())
