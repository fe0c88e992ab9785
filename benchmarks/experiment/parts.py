"""The parts of the study as functions of plain arguments, so that any process can do any of them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiment import runs, tuning
from experiment.data import make_data
from experiment.judge import attribute, judge, write_judged
from experiment.method import Method, Place
from experiment.methods import BY_NAME, METHODS, UNTRAINED, get_stem
from experiment.posthoc import POSTHOC
from experiment.scorer import PlainScorer, Scorer
from experiment.sizes import Size
from experiment.why import look_into
from nastdata.progress import Progress


def do_data(size: Size, out: Path) -> None:
    """Build every dataset."""
    _take_one_thread()
    with _clock(out, "data"):
        make_data(size, out, Progress(quiet=True))
    _mark(out / "data.done")


def do_base(size: Size, out: Path, base: int) -> None:
    """Pretrain one model."""
    _take_one_thread()
    place = Place(out, base)
    with _clock(out, f"pretrain-{base}"):
        if not (place.model / "pretrain.json").is_file():
            runs.make_base(size, place, Progress(quiet=True))
    _mark(out / f"pretrain-{base}.done")


def do_images(size: Size, out: Path, base: int) -> None:
    """Compute the features of all images of one model."""
    _take_one_thread()
    with _clock(out, f"images-{base}"):
        runs.embed_all(size, Place(out, base), Progress(quiet=True))
    _mark(out / f"images-{base}.done")


def do_trace(size: Size, out: Path, base: int) -> None:
    """Trace one model."""
    _take_one_thread()
    with _clock(out, f"trace-{base}"):
        runs.make_trace(size, Place(out, base), Progress(quiet=True))
    _mark(out / f"trace-{base}.done")


def list_trials(size: Size, out: Path, number: int) -> Iterator[tuple[str, float, float, Path]]:
    """Yield (method, rate, decay, result) of the first trials (0) or those of weight decay (1)."""
    for method in METHODS:
        if method.same_norm_as is None:
            pairs = (
                tuning.list_rates(size, method)
                if number == 0
                else tuning.list_decays(size, _read_trials(size, out, method, 0))
            )
            for rate, decay in pairs:
                yield method.name, rate, decay, _name_trial(out, method, rate, decay)


def do_trial(size: Size, out: Path, name: str, rate: float, decay: float) -> None:
    """Fine-tune with one rate and decay, on the first pretrained model with the first seed."""
    _take_one_thread()
    method = BY_NAME[name]
    path = _name_trial(out, method, rate, decay)
    folder = path.with_suffix("")
    with _clock(out, f"trials/{path.stem}"):
        run = runs.fine_tune(size, method, Place(out, 0), 0, rate, decay, folder)
    runs.write_json(path, runs.summarise_run(run, rate, decay))
    shutil.rmtree(folder)


def list_runs(size: Size, out: Path) -> Iterator[tuple[str, int, int, Path]]:
    """Yield (method, pretrained model, seed, result) of the final runs, the most important first."""
    order = [UNTRAINED, *(m.name for m in METHODS if m.repeated), *POSTHOC]
    order += [m.name for m in METHODS if not m.repeated]
    for name in order:
        trained = name in BY_NAME
        seeds = (size.seeds if BY_NAME[name].repeated else size.seeds_of_others) if trained else 1
        for seed in range(seeds):
            for base in range(size.bases):
                yield name, base, seed, runs.name_run(out, name, base, seed).with_suffix(".npz")


def do_run(size: Size, out: Path, name: str, base: int, seed: int) -> None:
    """Fine-tune with the chosen rate, judge, and keep the outcomes."""
    from nastdata.models.registry import load_encoder

    _take_one_thread()
    place, stem = Place(out, base), runs.name_run(out, name, base, seed)
    with _clock(out, f"runs/{stem.name}"):
        model = runs.name_base(place)
        if name in BY_NAME:
            rate, decay = choose_rate(size, out, BY_NAME[name])
            run = runs.fine_tune(size, BY_NAME[name], place, seed, rate, decay, stem)
            runs.write_json(stem.with_suffix(".json"), runs.summarise_run(run, rate, decay))
            model = str(run.get("exported", model))
        encoder = load_encoder(model, size.device)
        scorer: Scorer = PlainScorer(encoder)
        if name in POSTHOC:
            scorer = POSTHOC[name][0](encoder, place, size, seed)
        judged = judge(encoder, scorer, place, size)
        if name not in POSTHOC:
            judged |= attribute(encoder, place, size)
        write_judged(stem.with_suffix(".npz"), judged)
    shutil.rmtree(stem, ignore_errors=True)


def choose_rate(size: Size, out: Path, method: Method) -> tuple[float, float]:
    """Return the learning rate and weight decay that a method's trials chose."""
    if method.same_norm_as is not None:
        other = tuning.choose(_read_all_trials(size, out, BY_NAME[method.same_norm_as]))
        return tuning.match_norm(_read_all_trials(size, out, BY_NAME["uniform"]), other)
    best = tuning.choose(_read_all_trials(size, out, method))
    return float(best["rate"]), float(best["decay"])


def read_trials(size: Size, out: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the trials of every method that has any."""
    return {m.name: _read_all_trials(size, out, m) for m in METHODS if m.same_norm_as is None}


def do_why(size: Size, out: Path, base: int) -> None:
    """Look into one model and its trace."""
    _take_one_thread()
    with _clock(out, f"why-{base}"):
        found = look_into(Place(out, base), size)
    runs.write_json(out / f"why-{base}.json", found)


def _read_all_trials(size: Size, out: Path, method: Method) -> list[dict[str, Any]]:
    trials = _read_trials(size, out, method, 0)
    if len(size.decays) > 1:
        trials += _read_trials(size, out, method, 1)
    return trials


def _read_trials(size: Size, out: Path, method: Method, number: int) -> list[dict[str, Any]]:
    pairs = tuning.list_rates(size, method)
    if number == 1:
        pairs = tuning.list_decays(size, _read_trials(size, out, method, 0))
    return [runs.read_json(_name_trial(out, method, rate, decay)) for rate, decay in pairs]


def _name_trial(out: Path, method: Method, rate: float, decay: float) -> Path:
    return out / "trials" / f"{get_stem(method.name)}-{rate:g}-{decay:g}.json"


def _mark(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def _take_one_thread() -> None:
    """One thread a process: sums in one order, and no two jobs in each other's way."""
    import torch

    torch.set_num_threads(1)


class _clock:
    """Keeps how many processor seconds a part took, in ``seconds/PART.json``."""

    def __init__(self, out: Path, name: str) -> None:
        self.path = out / "seconds" / f"{name}.json"

    def __enter__(self) -> None:
        self.start = time.process_time(), time.monotonic()

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            spent = {
                "processor": round(time.process_time() - self.start[0], 1),
                "wall": round(time.monotonic() - self.start[1], 1),
            }
            runs.write_json(self.path, spent)
