"""The experiment's own arithmetic, its pretraining, and a micro version of the whole of it."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("open_clip")

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import experiment  # noqa: E402
import experiment_document as document  # noqa: E402

from nastdata.errors import UserError  # noqa: E402
from nastdata.ontology import load_ontology  # noqa: E402
from nastdata.progress import Progress  # noqa: E402
from nastdata.training.pretrain import CaptionWriter, PretrainSettings, cycle, list_images, pretrain  # noqa: E402

DENIALS = (" no ", "not ", "without", "absence", "absent", "negative", "free of")
SMALL = PretrainSettings(
    steps=4, batch_size=16, patients=30, every=2, text={"layers": 2, "width": 32, "heads": 2}
)


def judge_two(right: list[list[float]]) -> list[dict[str, Any]]:
    patients = np.array(["a", "a", "b", "c"])
    truth = np.array(["negated", "affirmative", "negated", "affirmative"])
    return [{"claim/values": np.array(r), "claim/patients": patients, "claim/truth": truth} for r in right]


def test_resample_is_the_mean_over_seeds_of_the_rows_asked_for() -> None:
    found = judge_two([[1, 0, 1, 1], [0, 0, 1, 0]])
    assert document.resample(found, "claim", "negated", 50)[0] == pytest.approx((1 + 0.5) / 2)
    assert document.resample(found, "claim", "affirmative", 50)[0] == pytest.approx((0.5 + 0) / 2)
    assert document.resample(found, "claim", None, 50)[0] == pytest.approx(0.5)


def test_interval_covers_seeds_and_patients_and_differences_are_paired() -> None:
    seeds = document.resample(judge_two([[1, 1, 1, 1], [0, 0, 0, 0]]), "claim", None, 400)
    assert seeds[1:].min() == 0 and seeds[1:].max() == 1
    patients = document.resample(judge_two([[1, 1, 0, 0]]), "claim", None, 400)
    assert patients[1:].min() == 0 and patients[1:].max() == 1
    better = document.resample(judge_two([[1, 1, 0, 0]]), "claim", None, 400)
    assert np.all(better - patients == 0)


def test_captions_of_pretraining_rarely_deny() -> None:
    settings = PretrainSettings(patients=400, negated=0.03)
    ontology = load_ontology("chest_xray")
    films, writer = list_images(ontology, settings), CaptionWriter(ontology, settings)
    texts = [writer.write(f, 0, i) for i, f in enumerate(films)]
    assert texts == [writer.write(f, 0, i) for i, f in enumerate(films)]
    share = np.mean([any(w in f" {t.lower()}" for w in DENIALS) for t in texts])
    assert 0.005 < share < 0.06
    none = CaptionWriter(ontology, replace(settings, negated=0.0))
    said = [f" {none.write(f, 0, i).lower()}" for i, f in enumerate(films)]
    assert not [t for t in said if any(w in t for w in DENIALS)]


def test_learning_rate_rises_and_falls() -> None:
    shares = [cycle(i, 100) for i in range(100)]
    assert shares[0] < 0.05 and max(shares) == pytest.approx(1) and shares[-1] < 0.01
    assert shares.index(max(shares)) == 30


def test_pretraining_taken_up_again_gives_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import load_file

    quiet = Progress(quiet=True)
    pretrain(SMALL, tmp_path / "whole", quiet)
    real = CaptionWriter.write

    def stop(self: CaptionWriter, film: Any, *keys: int) -> str:
        if keys[0] == 3:
            raise KeyboardInterrupt
        return real(self, film, *keys)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(CaptionWriter, "write", stop)
        pretrain(SMALL, tmp_path / "cut", quiet)
    with pytest.raises(UserError, match="other settings"):
        pretrain(replace(SMALL, learning_rate=1e-4), tmp_path / "cut", quiet)
    pretrain(SMALL, tmp_path / "cut", quiet)
    a, b = (load_file(tmp_path / d / "model" / "open_clip_model.safetensors") for d in ("whole", "cut"))
    assert a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_whole_experiment_in_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    path = experiment.main(["--micro", "--out", str(out)])
    assert path == out / "experiment.md"
    text = path.read_text(encoding="utf-8")
    for method in ("untrained", *experiment.METHODS):
        assert f"| {method} |" in text
    for heading in (
        "Negation subset",
        "Affirmative subset",
        "Gap",
        "MedNega",
        "Zero-shot AUC",
        "CON",
        "Share of the update",
        "Trace",
    ):
        assert heading in text
    assert "micro run" in text and "nan" not in text
    runs = {
        m: json.loads((out / "runs" / experiment.get_stem(m, 0) / "run.json").read_text())
        for m in experiment.METHODS
    }
    assert {r["steps_done"] for r in runs.values()} == {experiment.MICRO.steps}
    assert len({r["text_tower"] for r in runs.values()}) == 1
    assert len(set(runs["nast-lr"]["alphas"])) > 1 and set(runs["uniform"]["alphas"]) == {1.0}

    # held-out patients are nobody's training patients
    import polars as pl

    def patients(split: str) -> set[str]:
        files = (out / "data").glob(f"*/data/*/{split}-*.parquet")
        return {p for f in files for p in pl.read_parquet(f, columns=["patient_id"])["patient_id"]}

    assert patients("test") and not patients("test") & patients("train")

    # again: nothing is done twice, the same tables come out, and what people wrote below them stays
    path.write_text(text + "\n## Reading\n\nMine.\n", encoding="utf-8")
    for name in ("training.pretrain.pretrain", "training.fit.fit", "tracing.run.run_trace"):
        monkeypatch.setattr(f"nastdata.{name}", None)
    monkeypatch.setattr("nastdata.pipeline.build", None)
    experiment.main(["--micro", "--out", str(out)])
    again = path.read_text(encoding="utf-8")
    assert again.endswith("## Reading\n\nMine.\n") and cut(again) == cut(text)
    with pytest.raises(UserError, match="another plan"):
        experiment.main(["--micro", "--out", str(out), "--steps", "5"])


def cut(text: str) -> str:
    """The tables, without times and what follows them."""
    return text[text.index("## The model before") :].partition("## Reading")[0].strip()
