"""Would a size start here? What is missing is named; a real model is put through two steps on the CPU."""

from __future__ import annotations

import shlex
import tempfile
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from experiment import runs
from experiment.data import make_data
from experiment.method import Place
from experiment.methods import BY_NAME
from experiment.sizes import MICRO, Size
from nastdata.progress import Progress

PACKAGES = ("torch", "open_clip", "peft", "timm", "sklearn", "scipy", "matplotlib")
METHODS = ("uniform", "trace", "claims and groups")
"""Methods that are rehearsed: without and with a trace, and with a second dataset."""


def check_start(size: Size, progress: Progress) -> bool:
    """Say what is missing for a size to start on this machine, rehearse it, and return whether it would."""
    missing = [f"the Python package {name}" for name in PACKAGES if find_spec(name) is None]
    if size.name == "gpu":
        missing += _list_missing(size)
    for name in missing:
        progress.say(f"  missing: {name}")
    if size.name == "gpu" and size.checkpoints and find_spec("open_clip") is not None:
        rehearse(size, progress)
    if not missing:
        progress.say("  nothing is missing: the same command without --dry-run starts it")
    return not missing


def rehearse(size: Size, progress: Progress) -> None:
    """Trace the first checkpoint and fine-tune it for two steps, on the CPU, on a few drawn images.

    Precision, rank and settings are the size's own; where they don't fit the model this fails as the real run
    would.

    Raises:
        UserError: as the real run would.
    """
    tried = replace(
        MICRO,
        name="rehearsal",
        pretrain=size.pretrain,
        checkpoints=size.checkpoints[:1],
        bases=1,
        patients=160,
        amp=size.amp,
        rank=size.rank,
    )
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        place = Place(out, 0)
        make_data(tried, out, Progress(quiet=True))
        runs.make_base(tried, place, progress)
        runs.make_trace(tried, place, progress)
        for name in METHODS:
            started = time.monotonic()
            found = runs.fine_tune(tried, BY_NAME[name], place, 0, size.rates[0], size.decays[0], out / name)
            progress.say(
                f"  rehearsed on the CPU: {name}, {found['steps_done']} steps, {size.amp}, "
                f"{time.monotonic() - started:.0f} s"
            )
        values = runs.list_settings(size, BY_NAME["trace"], place, 0, size.rates[0], size.decays[0])
        told = runs.write_command(replace(size, processes=max(2, size.processes)), values, Path("RUN"))
        progress.say("  a run on several cards is started as: " + shlex.join(told[:8]) + " ...")


def _list_missing(size: Size) -> list[str]:
    import torch

    missing = []
    if size.device == "cuda" and not torch.cuda.is_available():
        missing.append("a GPU that torch can use (--device cpu rehearses without one)")
    if not size.checkpoints:
        missing.append("--checkpoint: the folder of a model")
    missing += [
        f"{folder}/open_clip_config.json"
        for folder in size.checkpoints
        if not (folder / "open_clip_config.json").is_file()
    ]
    if size.source != "phantom":
        if size.images is None:
            missing.append("--images: the root of the corpus's images")
        elif not size.images.is_dir():
            missing.append(f"the folder {size.images}")
    return missing
