"""The experiment: does the data teach negation, and does the trace help? Writes ``docs/experiment.md``.

python benchmarks/experiment.py [--out out/experiment] [--seeds 3] [--steps 200] [--micro]

Pretrains a small CLIP on phantom films, builds contextual, MedNega, opposition and probe data of other
patients, traces the model, fine-tunes it by every method and seed on equal numbers of steps, and evaluates on
held-out patients.
Every finished step is kept under ``--out`` and not done again; an interrupted one goes on where it was. With
``--micro`` everything is tiny: half a minute, and the figures mean nothing. The whole took two and a half
hours on two busy cores with one thread (``OMP_NUM_THREADS=1``): 32 minutes of pretraining, two a fine-tuning
run.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from experiment_document import Judged, write_document
from machine import describe_machine

from nastdata.errors import UserError
from nastdata.progress import Progress
from nastdata.seeded import shuffle
from nastdata.training.pretrain import PretrainSettings, pretrain

METHODS: dict[str, tuple[str, dict[str, str]]] = {
    "uniform": ("contextual", {"objective": "nast", "layers.scale": "none"}),
    "nast-lr": ("contextual", {"objective": "nast", "layers.scale": "lr"}),
    "nast-gradient": ("contextual", {"objective": "nast", "layers.scale": "gradient"}),
    "nast-lr, ratio of means": (
        "contextual",
        {"objective": "nast", "layers.scale": "lr", "layers.estimator": "ratio_of_means"},
    ),
    "con1": ("contextual", {"objective": "con1", "layers.scale": "none"}),
    "con2": ("opposition", {"objective": "con2", "layers.scale": "none"}),
    "negclip": ("contextual", {"objective": "negclip", "layers.scale": "none"}),
    "groups": ("mednega", {"objective": "groups", "layers.scale": "none"}),
    "nast-lr, existence only": ("existence", {"objective": "nast", "layers.scale": "lr"}),
    "uniform, existence only": ("existence", {"objective": "nast", "layers.scale": "none"}),
}
"""Method -> data that it learns from, and its settings."""
AS_PUBLISHED = {"layers.estimator": "mean_of_ratios", "layers.floor": 0, "layers.clip_negative": False}
"""The paper's layer weights, which ``docs/experiment.md`` measured; the defaults of ``train`` differ."""
EXISTENCE = ("negation_types", "[existence]")
JUDGED_BY = ("contextual", "mednega", "opposition")
STRATA = ("truth", "kind")
"""By which of its strata an outcome is told: what the true claim does; style and polarity of a prompt."""
CLAIMS_EACH = 6
"""About as many claims as a set has."""


@dataclass(frozen=True)
class Plan:
    """Sizes of the experiment; all of them decide its figures."""

    pretrain: PretrainSettings = field(
        default_factory=lambda: PretrainSettings(steps=600, text={"layers": 12, "width": 128, "heads": 4})
    )
    patients: int = 3000
    seeds: int = 3
    steps: int = 200
    texts: int = 128
    """Texts through the text tower in a step, as near as each objective comes: the equal budget."""
    learning_rate: float = 3e-3
    probes: int = 1000
    threshold: float = 0.01
    controls: int = 3
    bootstrap: int = 1000
    rank: int = 8
    splits: tuple[float, float, float] = (0.65, 0.1, 0.25)


MICRO = Plan(
    pretrain=PretrainSettings(
        steps=8, batch_size=32, patients=60, every=4, text={"layers": 4, "width": 64, "heads": 4}
    ),
    patients=160,
    seeds=1,
    steps=2,
    texts=32,
    probes=60,
    threshold=1e-6,
    controls=1,
    bootstrap=50,
    rank=2,
)


def main(arguments: Sequence[str] | None = None) -> Path:
    """Run what is not done yet; return the document's path."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=None, help="folder that keeps every step")
    parser.add_argument("--document", type=Path, default=None, help="Markdown file to write")
    parser.add_argument("--seeds", type=int, default=None)
    parser.add_argument("--steps", type=int, default=None, help="of fine-tuning, each method")
    parser.add_argument("--micro", action="store_true", help="tiny; the figures mean nothing")
    given = parser.parse_args(arguments)
    plan = MICRO if given.micro else Plan()
    plan = replace(plan, seeds=given.seeds or plan.seeds, steps=given.steps or plan.steps)
    out = given.out or Path("out", "experiment-micro" if given.micro else "experiment")
    # a micro run never takes the place of the real document
    document = given.document or (out / "experiment.md" if given.micro else Path("docs", "experiment.md"))
    return run(plan, out, document, micro=given.micro)


def run(plan: Plan, out: Path, document: Path, *, micro: bool = False) -> Path:
    """Do every step that is not done yet, then write the document.

    Raises:
        UserError: if ``out`` holds an experiment of another plan (seeds may be added).
    """
    progress = Progress()
    check_plan(plan, out)
    spent = Stopwatch(out / "seconds.json")
    with spent.time("pretrain"):
        base = make_base(plan, out, progress)
    with spent.time("build"):
        for name in ("contextual", "existence", "opposition", "mednega", "probes"):
            make_data(plan, name, out, progress)
    with spent.time("trace"):
        make_trace(plan, base, out, progress)
    runs: dict[str, list[str]] = {"untrained": [base]}
    with spent.time("train"):
        for seed in range(plan.seeds):
            for method in METHODS:
                runs.setdefault(method, []).append(make_run(plan, method, seed, base, out, progress))
    judged: dict[str, list[Judged]] = {}
    with spent.time("evaluate"):
        for method, models in runs.items():
            judged[method] = [
                judge(plan, m, get_stem(method, i), out, progress) for i, m in enumerate(models)
            ]
    updates = {
        m: [_read(out / "runs" / get_stem(m, s) / "run.json")["update"] for s in range(plan.seeds)]
        for m in METHODS
    }
    about = {"plan": asdict(plan), "machine": describe_machine(), "seconds": spent.seconds, "micro": micro}
    about |= {"trace": _read(out / "trace" / "trace.json"), "pretrain": _read(out / "base" / "pretrain.json")}
    write_document(document, judged, updates, about, plan.bootstrap)
    progress.say(f"document: {document}")
    return document


def check_plan(plan: Plan, out: Path) -> None:
    """Write the plan down; refuse a folder of another one."""
    path = out / "plan.json"
    told = json.loads(json.dumps(asdict(plan) | {"seeds": None}))
    if path.is_file() and _read(path) != told:
        raise UserError("another plan's experiment is kept here", where=str(out), how="choose another --out")
    _write(path, told)


def make_base(plan: Plan, out: Path, progress: Progress) -> str:
    """Pretrain the model; return its name."""
    done = out / "base" / "pretrain.json"
    about = _read(done) if done.is_file() else pretrain(plan.pretrain, out / "base", progress)
    return str(about["model"])


def make_data(plan: Plan, name: str, out: Path, progress: Progress) -> None:
    """Build one dataset of patients whom pretraining has not seen."""
    from nastdata.pipeline import build
    from nastdata.recipe import load_recipe

    folder = out / "data" / name
    if (folder / "report.html").is_file() and (out / "data" / f"{name}.done").is_file():
        return
    shares = dict(zip(("train", "validation", "test"), plan.splits, strict=True))
    settings = [("phantom_patients", str(plan.patients)), ("audit.enabled", "false"), ("workers", "1")]
    settings += [("splits", json.dumps(shares))]
    if name == "existence":
        settings.append(EXISTENCE)
    recipe = load_recipe("contextual" if name == "existence" else name, settings)
    build(recipe, folder, progress)
    (out / "data" / f"{name}.done").touch()


def make_trace(plan: Plan, base: str, out: Path, progress: Progress) -> None:
    """Trace the pretrained model on probes of training patients."""
    from nastdata.evaluation.plots import plot_trace
    from nastdata.models.dataset_rows import get_keys, open_data
    from nastdata.models.image_features import embed_images
    from nastdata.models.registry import load_encoder
    from nastdata.tracing.run import TraceSettings, run_trace

    if (out / "trace" / "trace.json").is_file():
        return
    data = open_data(out / "data" / "probes", phantom_size=plan.pretrain.size)
    rows = data.rows("probes", "train")
    rows = rows[shuffle(range(len(rows)), 0, "probes")[: plan.probes]]
    encoder = load_encoder(base)
    with progress.stage("trace") as stage:
        features = embed_images(encoder, data.store, get_keys(rows), out / "cache")
        settings = TraceSettings(plan.threshold, plan.controls, plan.bootstrap)
        trace = run_trace(encoder, rows, features, settings)
        plot_trace(trace, out / "trace")
        trace.write(out / "trace")
        stage.tell(f"{len(rows):,} pairs")


def make_run(plan: Plan, method: str, seed: int, base: str, out: Path, progress: Progress) -> str:
    """Fine-tune by one method and seed; return the model's name."""
    from nastdata.recipe import load_recipe
    from nastdata.training.fit import fit

    folder = out / "runs" / get_stem(method, seed)
    if (folder / "run.json").is_file():
        return str(_read(folder / "run.json").get("exported", base))
    progress.say(f"{method}, seed {seed}")
    data, settings = METHODS[method]
    values: dict[str, Any] = {
        "model": base,
        "data": out / "data" / data,
        "layers.trace": out / "trace",
        **AS_PUBLISHED,
        "phantom_size": plan.pretrain.size,
        "steps": plan.steps,
        **share_budget(settings["objective"], plan.texts),
        "learning_rate": plan.learning_rate,
        "validate_every": max(1, plan.steps // 3),
        "lora.rank": plan.rank,
        "lora.alpha": 2 * plan.rank,
        "seed": seed,
        "cache": out / "cache",
        **settings,
    }
    recipe = load_recipe("train", [(k, str(v)) for k, v in values.items()])
    return str(fit(recipe, folder, progress).get("exported", base))


def share_budget(objective: str, texts: int) -> dict[str, int]:
    """Return the batch sizes with which a step of an objective encodes about that many texts."""
    if objective == "nast":
        sets = max(2, texts // (CLAIMS_EACH + 2))
        return {"claim_sets": sets, "batch_size": max(2, texts - CLAIMS_EACH * sets)}
    if objective == "negclip":
        return {"claim_sets": max(2, texts // 2)}
    return {"batch_size": texts if objective in ("clip", "con1") else max(4, texts // 2)}


def judge(plan: Plan, model: str, stem: str, out: Path, progress: Progress) -> Judged:
    """Judge one model on held-out patients, row by row; kept as ``judged/STEM.npz``."""
    from nastdata.evaluation.run import EvaluateSettings, evaluate, score_conditions
    from nastdata.models.dataset_rows import open_data
    from nastdata.models.registry import load_encoder

    path = out / "judged" / f"{stem}.npz"
    if not path.is_file():
        arrays: dict[str, Any] = {}
        encoder = load_encoder(model)
        settings = EvaluateSettings("test")
        with progress.stage("evaluate") as stage:
            for name in JUDGED_BY:
                data = open_data(out / "data" / name, phantom_size=plan.pretrain.size)
                for o in evaluate(encoder, data, settings, out / "cache"):
                    arrays[f"{o.name}/values"] = o.values
                    arrays[f"{o.name}/patients"] = np.array(o.clusters)
                    for stratum in STRATA:
                        if stratum in o.strata:
                            arrays[f"{o.name}/truth"] = np.array(o.strata[stratum])
                if name == "mednega":
                    scores = score_conditions(encoder, data, replace(settings, bootstrap=2), out / "cache")
                    for kind in ("affirmative", "negated", "difference"):
                        arrays[f"auc_{kind}/values"] = np.array([s[kind]["mean"] for s in scores.values()])
                        arrays[f"auc_{kind}/patients"] = np.array(list(scores))
            arrays |= explain_negation(plan, encoder, out)
            stage.tell(stem)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{stem}.partial.npz")
        np.savez_compressed(partial, **arrays)
        partial.replace(path)
    with np.load(path) as file:
        return dict(file)


def explain_negation(plan: Plan, encoder: Any, out: Path) -> dict[str, Any]:
    """Attribution share of the word of negation in each negated prompt (CON, arXiv 2512.17121)."""
    from nastdata.evaluation.explain import attribute_negation, read_pairs
    from nastdata.models.dataset_rows import open_data
    from nastdata.models.image_features import embed_images

    data = open_data(out / "data" / "probes", phantom_size=plan.pretrain.size)
    pairs, keys = read_pairs(data, "test")
    images = embed_images(encoder, data.store, keys, out / "cache")
    shares = attribute_negation(encoder, pairs, images)["by_prompt"]
    return {
        "attribution/values": np.array(list(shares.values())),
        "attribution/patients": np.array(list(shares)),
    }


def get_stem(method: str, seed: int) -> str:
    """Return a file name for a method and seed."""
    return f"{method.replace(', ', '-').replace(' ', '-')}-{seed}"


class Stopwatch:
    """Adds up wall seconds by stage over interrupted runs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seconds: dict[str, float] = _read(path) if path.is_file() else {}

    def time(self, name: str) -> _Lap:
        """Return a context whose time is added to a stage."""
        return _Lap(self, name)


class _Lap:
    def __init__(self, watch: Stopwatch, name: str) -> None:
        self.watch, self.name = watch, name

    def __enter__(self) -> None:
        self.start = time.monotonic()

    def __exit__(self, *_: object) -> None:
        spent = time.monotonic() - self.start
        self.watch.seconds[self.name] = round(self.watch.seconds.get(self.name, 0.0) + spent, 1)
        _write(self.watch.path, self.watch.seconds)


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
