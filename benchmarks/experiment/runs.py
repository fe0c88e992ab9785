"""The parts that the product does: pretrain, trace, fine-tune; each is kept and not done again."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from experiment.layer_controls import CONTROLS
from experiment.method import Method, Place, open_rows
from experiment.methods import get_stem
from experiment.rivals import TEXTS_OF
from experiment.sizes import Size
from nastdata.errors import UserError
from nastdata.progress import Progress
from nastdata.seeded import shuffle
from nastdata.tracing.run import read_trace
from nastdata.training.layer_weights import weigh_trace
from nastdata.training.settings import LayerSettings


def make_base(size: Size, place: Place, progress: Progress) -> None:
    """Pretrain a small model, or point to the checkpoint that the size names."""
    from nastdata.training.pretrain import pretrain

    if size.checkpoints:
        model = f"open_clip:{size.checkpoints[place.base].absolute()}"
        write_json(place.model / "pretrain.json", {"model": model})
        return
    settings = replace(size.pretrain, seed=size.pretrain.seed + place.base)
    pretrain(settings, place.model, progress)


def name_base(place: Place) -> str:
    """Return the pretrained model's name for ``load_encoder``."""
    told = str(read_json(place.model / "pretrain.json")["model"])
    # the folder may have been moved since
    own = place.model / "model"
    return f"open_clip:{own}" if own.is_dir() else told


def embed_all(size: Size, place: Place, progress: Progress) -> None:
    """Compute the features of all images once, so that every later part only reads them."""
    from nastdata.images.find import IMAGE_COLUMNS
    from nastdata.models.dataset_rows import get_keys
    from nastdata.models.image_features import embed_images
    from nastdata.models.registry import load_encoder

    encoder = load_encoder(name_base(place), size.device)
    for folder in sorted(p for p in (place.out / "data").iterdir() if (p / "data").is_dir()):
        data = open_rows(folder, size)
        for frame in data.frames.values():
            for column in IMAGE_COLUMNS:
                if column in frame.columns:
                    some = frame.filter(frame[column].is_not_null())
                    embed_images(encoder, data.store, get_keys(some, column), place.cache)
        progress.say(f"  images of {folder.name}, pretrained model {place.base + 1}")


def make_trace(size: Size, place: Place, progress: Progress) -> None:
    """Trace a pretrained model on probes of training patients."""
    from nastdata.models.dataset_rows import get_keys
    from nastdata.models.image_features import embed_images
    from nastdata.models.registry import load_encoder
    from nastdata.tracing.run import TraceSettings, run_trace

    data = open_rows(place.data("probes"), size)
    rows = data.rows("probes", "train")
    rows = rows[shuffle(range(len(rows)), 0, "probes")[: size.probes]]
    encoder = load_encoder(name_base(place), size.device)
    features = embed_images(encoder, data.store, get_keys(rows), place.cache)
    settings = TraceSettings(size.threshold, size.controls, size.bootstrap)
    run_trace(encoder, rows, features, settings).write(place.trace)
    progress.say(f"  traced pretrained model {place.base + 1} on {len(rows):,} pairs")


def list_settings(
    size: Size, method: Method, place: Place, seed: int, rate: float, decay: float
) -> list[tuple[str, str]]:
    """Return the settings of ``nastdata train`` for one run, as ``--set`` takes them.

    ``rate`` is the mean over blocks: methods that weight layers differ in where they learn, not in how much.
    """
    values: dict[str, Any] = {
        "model": name_base(place),
        "data": place.data(method.data),
        "phantom_size": size.pretrain.size,
        "steps": size.steps,
        **TEXTS_OF[str(method.settings["objective"])](size.texts),
        "learning_rate": rate,
        "weight_decay": decay,
        "validate_every": max(1, -(-size.steps // size.validations)),
        "lora.rank": size.rank,
        "lora.alpha": 2 * size.rank,
        "seed": seed,
        "cache": place.cache,
        "amp": size.amp,
        "device": size.device,
        **method.settings,
    }
    if size.images is not None:
        values[f"images.{size.source}"] = size.images
    if method.more:
        values["more_data"] = json.dumps([str(place.data(name)) for name in method.more])
    if method.weigh is not None:
        trace = read_trace(place.trace)
        layers = read_layers(method)
        if method.weigh in CONTROLS:
            weights = [round(float(w), 6) for w in CONTROLS[method.weigh](trace, seed)]
            values["layers.weights"] = json.dumps(weights)
        else:
            values["layers.trace"] = place.trace
            with warnings.catch_warnings():
                # the run itself reports disputed signs and the like
                warnings.simplefilter("ignore")
                weights = list(weigh_trace(trace, layers).ravel())
        if layers.scale == "lr" or method.settings.get("optimizer") == "sgd":
            values["learning_rate"] = rate / float(np.mean(weights))
    if method.weigh == "again":
        again = {"probes": str(place.data("probes")), "limit": size.probes, "threshold": size.threshold}
        values["layers.retrace"] = json.dumps(again)
    return [(name, str(value)) for name, value in values.items()]


def read_layers(method: Method) -> LayerSettings:
    """Return how a method makes weights of a trace."""
    given = {k.removeprefix("layers."): v for k, v in method.settings.items() if k.startswith("layers.")}
    return LayerSettings.model_validate(given)


def fine_tune(
    size: Size, method: Method, place: Place, seed: int, rate: float, decay: float, folder: Path
) -> dict[str, Any]:
    """Fine-tune by one method; return what ``run.json`` holds."""
    from nastdata.recipe import load_recipe
    from nastdata.training.fit import fit

    values = list_settings(size, method, place, seed, rate, decay)
    if size.processes > 1:
        # 1: no step was better than the untrained model, which run.json says
        if subprocess.run(write_command(size, values, folder)).returncode not in (0, 1):
            raise UserError("a fine-tuning run failed", where=str(folder), how="see the lines above")
        return dict(read_json(folder / "run.json"))
    recipe = load_recipe("train", values)
    return fit(recipe, folder, Progress(quiet=True))


def write_command(size: Size, values: list[tuple[str, str]], folder: Path) -> list[str]:
    """Return the command line of one run on several GPUs."""
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(size.processes)]
    told = [x for name, value in values for x in ("--set", f"{name}={value}")]
    return [sys.executable, *launch, "-m", "nastdata", "train", "train", *told, "--out", str(folder)]


def summarise_run(run: dict[str, Any], rate: float, decay: float) -> dict[str, Any]:
    """Return what is kept of a run: no paths, times or versions, so that equal runs give equal bytes."""
    kept = ("best_step", "best", "failed", "collapsed_at", "frozen_blocks", "alphas", "alphas_retraced")
    return {"rate": rate, "decay": decay, **{k: run[k] for k in kept}, "update": run["update"]}


def drop_model(folder: Path) -> None:
    """Remove the exported model of a run that has been judged; its adapter and log stay."""
    for name in ("model", "tensorboard"):
        shutil.rmtree(folder / name, ignore_errors=True)


def name_run(out: Path, method: str, base: int, seed: int) -> Path:
    """Return where the result of a final run is kept, without an ending."""
    return out / "runs" / f"{get_stem(method)}-{base}-{seed}"


def read_json(path: Path) -> Any:
    """Return a JSON file's content."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)
