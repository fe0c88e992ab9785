"""A micro version of the whole study: done, not done twice, the same again; and what a GPU's size needs."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("open_clip")
pytest.importorskip("timm")

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from experiment import command, parts, runs  # noqa: E402
from experiment.hypotheses import list_hypotheses  # noqa: E402
from experiment.judge import read_judged, write_judged  # noqa: E402
from experiment.methods import BY_NAME, UNTRAINED  # noqa: E402
from experiment.sizes import MICRO, SIZES  # noqa: E402

FEW = ("uniform", "trace", "same norm", "heads", "traced again", "claims and groups")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of the methods, on one pretrained model."""
    monkeypatch.setattr(parts, "METHODS", tuple(BY_NAME[m] for m in FEW))
    monkeypatch.setattr(parts, "POSTHOC", {"flip": parts.POSTHOC["flip"]})
    monkeypatch.setitem(SIZES, "micro", dataclasses.replace(MICRO, bases=1))


@pytest.mark.slow
def test_whole_study_in_small(
    few: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    usual = ["--size", "micro", "--out", str(out), "--jobs", "1"]
    # time is up before the first part: nothing is done, and that is no success
    assert command.main([*usual, "--minutes", "0"]) == 1
    assert command.main(usual) == 0
    page, plain = ((out / n).read_text(encoding="utf-8") for n in ("experiment.md", "experiment-plain.md"))
    assert "micro run" in page and "nan" not in page and "trial run of the machinery" in plain
    for h in list_hypotheses():
        assert f"| {h.question} | {h.comparison} |" in page
    for heading in ("Table 1", "Table 2", "Table 3", "Table 4", "Generalisation", "Tuning", "Traces"):
        assert f"## {heading}" in page
    assert len(list(out.glob("experiment-plain-*.png"))) == 3
    for method in (UNTRAINED, *FEW, "flip"):
        assert f"| {method} |" in page

    # nobody's training patients are tested, and what is held out is nobody's training text
    def read(name: str, split: str, column: str) -> set[Any]:
        files = sorted((out / "data").glob(f"{name}/data/*/{split}-*.parquet"))
        frames = [pl.read_parquet(f) for f in files]
        return {x for f in frames if column in f.columns for x in f[column].explode().to_list()}

    train = {str(p) for p in read("*", "train", "patient_id")}
    assert train and not train & read("*", "test", "patient_id")
    seen = read("contextual", "train", "claims")
    assert seen and read("cues", "test", "claims") - seen
    held = ("pneumothorax", "fracture", "right lung base", "free of", "negative for", "absence of")
    assert not [t for t in seen if any(h in t.lower() for h in held)]

    # again: nothing is done twice, the same page comes out, and what people wrote below it stays
    (out / "experiment.md").write_text(page + "\n## Reading\n\nMine.\n", encoding="utf-8")
    with monkeypatch.context() as patched:
        patched.setattr(runs, "fine_tune", None)
        patched.setattr(runs, "make_base", None)
        assert command.main(usual) == 0
    again = (out / "experiment.md").read_text(encoding="utf-8")
    assert again.endswith("## Reading\n\nMine.\n") and again.startswith(page.rstrip())

    # some runs done a second time come out the same, bit for bit; a changed row is found
    capsys.readouterr()
    assert command.main([*usual, "--check-again"]) == 0
    assert "the same" in capsys.readouterr().err
    for *_, path in parts.list_runs(SIZES["micro"], out):
        judged = read_judged(path)
        judged["contextual/margin/values"] = judged["contextual/margin/values"] + np.float32(1e-6)
        write_judged(path, judged)
    assert command.main([*usual, "--check-again"]) == 1
    assert "DIFFERENT" in capsys.readouterr().err

    # another size's settings do not go on here
    monkeypatch.setitem(SIZES, "micro", dataclasses.replace(SIZES["micro"], steps=5))
    assert command.main(usual) == 2
    assert "other settings" in capsys.readouterr().err


def test_size_gpu_is_rehearsed_without_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from .conftest import make_config, write_model

    model = write_model(tmp_path / "model", make_config(context_length=77))
    usual = ["--size", "gpu", "--checkpoint", str(model), "--source", "phantom", "--dry-run"]
    assert command.main([*usual, "--device", "cpu"]) == 0
    told = capsys.readouterr().err
    for method in ("uniform", "trace", "claims and groups"):
        assert f"rehearsed on the CPU: {method}, 2 steps, bf16" in told
    assert "torch.distributed.run" in told and "nothing is missing" in told
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("experiment.rehearsal.rehearse", lambda *_: None)
    assert command.main(usual) == 1
    assert "missing: a GPU" in capsys.readouterr().err
    assert command.main(["--size", "gpu", "--dry-run"]) == 1
    told = capsys.readouterr().err
    assert "missing: --checkpoint" in told


def test_options_of_another_size_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert command.main(["--size", "micro", "--checkpoint", "x", "--out", str(tmp_path / "o")]) == 2
    assert "only with --size gpu" in capsys.readouterr().err
    assert command.main(["--size", "gpu", "--out", str(tmp_path / "o")]) == 2
    assert "--checkpoint" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()
