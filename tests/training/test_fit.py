"""Runs learn, resume to the same numbers, share work over processes, and say what is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tiny_training import make_recipe  # noqa: E402

from nastdata.errors import UserError  # noqa: E402
from nastdata.models.registry import load_encoder  # noqa: E402
from nastdata.progress import Progress  # noqa: E402
from nastdata.training import fit as fitting  # noqa: E402
from nastdata.training.fit import fit  # noqa: E402
from nastdata.training.trainer import Trainer  # noqa: E402

QUIET = Progress(quiet=True)
OBJECTIVES = ("nast", "clip", "con1", "con2", "conclip", "negclip", "mcq", "two_way", "groups", "mixed")


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_runs_and_learns(
    objective: str, native_folder: Path, tiny: tuple[Path, Path], tmp_path: Path
) -> None:
    recipe = make_recipe(native_folder, tiny, tmp_path, objective=objective, steps=12, validate_every=6)
    about = fit(recipe, tmp_path / "run", QUIET)
    losses = [json.loads(x)["loss"] for x in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert len(losses) == 12
    assert sum(losses[-3:]) < sum(losses[:3])
    assert about["text_tower_after"] != about["text_tower"] or about["best_step"] == 0
    again = load_encoder(about["exported"])
    from nastdata.models.base import fingerprint_images, fingerprint_text

    assert fingerprint_text(again) == about["text_tower_after"]
    assert fingerprint_images(again) == about["image_tower"]
    assert (tmp_path / "run/adapter/adapter_model.safetensors").is_file()
    assert not list((tmp_path / "run").glob("checkpoint*"))


class Killed(BaseException):
    """Stands for a kill: nothing in the program may catch it."""


def test_a_killed_run_goes_on_to_the_same_numbers(
    native_folder: Path, tiny: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make_recipe(native_folder, tiny, tmp_path, lora={"rank": 4, "dropout": 0.2})
    whole = fit(recipe, tmp_path / "whole", QUIET)
    usual = Trainer._step

    def die(self: Any, step: int) -> dict[str, float]:
        if step == 5:
            raise Killed
        return usual(self, step)

    monkeypatch.setattr(Trainer, "_step", die)
    with pytest.raises(Killed):
        fit(recipe, tmp_path / "killed", QUIET)
    monkeypatch.undo()
    resumed = fit(recipe, tmp_path / "killed", QUIET)
    assert resumed["history"] == whole["history"]
    assert resumed["text_tower_after"] == whole["text_tower_after"]
    logs = [(tmp_path / n / "log.jsonl").read_text() for n in ("whole", "killed")]
    assert logs[0] == logs[1]


def test_a_checkpoint_cut_in_half_falls_back_to_the_one_before(
    native_folder: Path, tiny: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make_recipe(native_folder, tiny, tmp_path)
    whole = fit(recipe, tmp_path / "whole", QUIET)
    usual = Trainer._step

    def die(self: Any, step: int) -> dict[str, float]:
        if step == 5:
            raise Killed
        return usual(self, step)

    monkeypatch.setattr(Trainer, "_step", die)
    with pytest.raises(Killed):
        fit(recipe, tmp_path / "cut", QUIET)
    monkeypatch.undo()
    newest = max((tmp_path / "cut").glob("checkpoint-*.pt"), key=lambda p: p.stat().st_mtime_ns)
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    assert fit(recipe, tmp_path / "cut", QUIET)["history"] == whole["history"]


def test_with_both_checkpoints_cut_a_run_begins_anew_and_says_so(
    native_folder: Path, tiny: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").mkdir()
    for name in ("checkpoint-a.pt", "checkpoint-b.pt"):
        (tmp_path / "run" / name).write_bytes(b"PK\x03\x04 cut")
    about = fit(make_recipe(native_folder, tiny, tmp_path, steps=2), tmp_path / "run", Progress())
    assert about["steps_done"] == 2
    told = capsys.readouterr().err
    assert told.count("is damaged and left aside") == 2


def test_a_trace_with_equal_effects_trains_all_layers_alike_and_says_so(
    native: Any, native_folder: Path, tiny: tuple[Path, Path], tmp_path: Path, capsys: Any
) -> None:
    from nastdata.models.base import fingerprint_text
    from nastdata.tracing.run import Trace

    effects = {"noising_robust": np.full(5, 0.25)}
    Trace({"text_tower": fingerprint_text(native)}, effects).write(tmp_path / "trace")
    recipe = make_recipe(native_folder, tiny, tmp_path, steps=2, layers={"trace": tmp_path / "trace"})
    about = fit(recipe, tmp_path / "run", Progress())
    assert about["alphas"] == [1, 1, 1, 1]
    assert "all layers have the same tracing effect: every layer learns alike" in capsys.readouterr().err


def test_a_checkpoint_of_another_run_is_refused(
    native_folder: Path, tiny: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "clear_checkpoints", lambda _folder: None)
    fit(make_recipe(native_folder, tiny, tmp_path), tmp_path / "run", QUIET)
    with pytest.raises(UserError, match="another run"):
        fit(make_recipe(native_folder, tiny, tmp_path, seed=1), tmp_path / "run", QUIET)


def test_a_loss_that_is_no_number_keeps_the_checkpoint(
    native_folder: Path, tiny: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nastdata.training.objectives.captions import NastObjective

    usual = NastObjective.compute

    def spoil(self: Any, step: int, encode: Any, scale: float) -> Any:
        parts = usual(self, step, encode, scale)
        return parts | {"loss": parts["loss"] * (float("nan") if step == 4 else 1.0)}

    monkeypatch.setattr(NastObjective, "compute", spoil)
    with pytest.raises(UserError, match="loss is nan at step 5"):
        fit(make_recipe(native_folder, tiny, tmp_path), tmp_path / "run", QUIET)
    assert list((tmp_path / "run").glob("checkpoint-*.pt"))


def test_a_gradient_that_is_no_number_reaches_no_checkpoint(
    native_folder: Path, tiny: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loss is still a number then: the square root's slope at 0 is infinite."""
    from nastdata.training.objectives.captions import NastObjective

    usual = NastObjective.compute

    def spoil(self: Any, step: int, encode: Any, scale: float) -> Any:
        parts = usual(self, step, encode, scale)
        loss = parts["loss"]
        return parts | {"loss": loss + (loss - loss.detach()).sqrt() * 0.0 if step == 4 else loss}

    monkeypatch.setattr(NastObjective, "compute", spoil)
    recipe = make_recipe(native_folder, tiny, tmp_path, validate_every=1)
    with pytest.raises(UserError, match="gradient is nan at step 5"):
        fit(recipe, tmp_path / "run", QUIET)
    monkeypatch.undo()
    resumed = fit(recipe, tmp_path / "run", QUIET)
    assert resumed["steps_done"] == 6
    assert resumed["history"] == fit(recipe, tmp_path / "whole", QUIET)["history"]


def test_each_process_takes_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    monkeypatch.setenv("LOCAL_RANK", "3")
    for device in ("cuda", "cuda:1", "cpu"):
        fitting.take_device(device)
    monkeypatch.delenv("LOCAL_RANK")
    fitting.take_device("cuda")
    assert taken == [3]


def test_a_run_ends_early_without_improvement(
    native_folder: Path, tiny: tuple[Path, Path], tmp_path: Path
) -> None:
    recipe = make_recipe(
        native_folder, tiny, tmp_path, learning_rate=1e-12, steps=40, validate_every=1, patience=3
    )
    about = fit(recipe, tmp_path / "run", QUIET)
    assert about["steps_done"] == 3
    assert about["best_step"] == 0
    # nothing was learnt: it is said, and nothing is exported as if it were
    assert "no step was better than the untrained model" in about["failed"]
    assert "exported" not in about
    assert not (tmp_path / "run" / "model").exists() and not (tmp_path / "run" / "adapter").exists()


def test_two_batches_added_up_count_as_one_step(
    native_folder: Path, tiny: tuple[Path, Path], tmp_path: Path
) -> None:
    about = fit(
        make_recipe(native_folder, tiny, tmp_path, accumulate=2, amp="bf16", steps=2), tmp_path / "a", QUIET
    )
    assert about["steps_done"] == 2


def test_half_precision_goes_on_from_a_kill_with_its_scale(
    native_folder: Path, tiny: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first gradient overflows under a scale that is far too high; that step changes nothing."""
    recipe = make_recipe(native_folder, tiny, tmp_path, amp="fp16", validate_every=1)
    usual = Trainer._step

    def start_high(self: Any, step: int) -> dict[str, float]:
        if step == 0:
            self.scaler._init_scale = 2.0**40
            self.scaler.set_backoff_factor(2.0**-30)
        return usual(self, step)

    def die(self: Any, step: int) -> dict[str, float]:
        if step == 3:
            raise Killed
        return start_high(self, step)

    monkeypatch.setattr(Trainer, "_step", start_high)
    whole = fit(recipe, tmp_path / "whole", QUIET)
    lines = [json.loads(x) for x in (tmp_path / "whole/log.jsonl").read_text().splitlines()]
    assert [line["update_norm"] > 0 for line in lines] == [False, True, True, True, True, True]
    assert ["gradient_norm" in line for line in lines] == [False, True, True, True, True, True]
    monkeypatch.setattr(Trainer, "_step", die)
    with pytest.raises(Killed):
        fit(recipe, tmp_path / "killed", QUIET)
    monkeypatch.setattr(Trainer, "_step", start_high)
    assert fit(recipe, tmp_path / "killed", QUIET)["history"] == whole["history"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"model": ""}, "model and data"),
        ({"images": {}}, "no such image"),
        ({"layers": {"trace": Path("/no/such")}}, "no trace here"),
        ({"model": "open_clip:/no/such"}, "no such folder"),
        ({"data": Path("/no/such")}, "no such folder"),
    ],
)
def test_bad_input_is_told(
    given: dict[str, Any], says: str, native_folder: Path, tiny: tuple[Path, Path], tmp_path: Path
) -> None:
    recipe = make_recipe(native_folder, tiny, tmp_path, **{"cache": None, **given})
    with pytest.raises(UserError, match=says):
        fit(recipe, tmp_path / "run", QUIET)


def find_port() -> str:
    import socket

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return str(s.getsockname()[1])


LAUNCHERS = {
    "torchrun": "torch.distributed.run --nproc-per-node 2 --master-port PORT",
    "accelerate": "accelerate.commands.launch --multi_gpu --num_processes 2 --num_machines 1 "
    "--mixed_precision no --dynamo_backend no --main_process_port PORT",
}


@pytest.mark.parametrize("launcher", ["accelerate", pytest.param("torchrun", marks=pytest.mark.slow)])
def test_two_processes_give_the_numbers_of_one(
    launcher: str, native_folder: Path, tiny: tuple[Path, Path], tmp_path: Path
) -> None:
    """The loss is that of the whole batch, wherever its texts were encoded."""
    if launcher == "accelerate":
        pytest.importorskip("accelerate")
    recipe = make_recipe(native_folder, tiny, tmp_path, steps=4, validate_every=2)
    one = fit(recipe, tmp_path / "one", QUIET)
    path = tmp_path / "recipe.yaml"
    path.write_text(json.dumps(recipe.model_dump(mode="json")))
    command = [sys.executable, "-m", *LAUNCHERS[launcher].replace("PORT", find_port()).split()]
    done = subprocess.run(
        [*command, "-m", "nastdata", "train", str(path), "--out", str(tmp_path / "two")],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    two = json.loads((tmp_path / "two/run.json").read_text())
    assert (one["processes"], two["processes"]) == (1, 2)
    for a, b in zip(one["history"], two["history"], strict=True):
        assert a == pytest.approx(b, rel=1e-4, abs=1e-5)
    assert two["update"]["norms"] == pytest.approx(one["update"]["norms"], rel=1e-2)
    steps = [json.loads(line)["step"] for line in (tmp_path / "two/log.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4], "one process writes"


def test_what_the_first_folder_lacks_comes_from_the_next(
    native_folder: Path, tiny: tuple[Path, Path], tmp_path: Path
) -> None:
    """Claims in one folder, MedNega in another: the same run as from a folder that has both."""
    import shutil

    for name, kept in (("claims", ("contextual_claims", "contextual_captions")), ("questions", ("mednega",))):
        for config in kept:
            shutil.copytree(tiny[0] / "data" / config, tmp_path / name / "data" / config)
    both = [str(tmp_path / "questions")]
    for objective in ("mixed", "mcq"):
        recipe = make_recipe(native_folder, tiny, tmp_path, objective=objective, steps=2)
        apart = recipe.model_copy(
            update={"data": tmp_path / "claims", "more_data": tuple(map(Path, both)), "items": None}
        )
        whole = fit(recipe, tmp_path / f"whole-{objective}", QUIET)
        parts = fit(apart, tmp_path / f"parts-{objective}", QUIET)
        assert parts["history"] == whole["history"]
        assert list(whole["best"]) == ["claim_accuracy"]
        assert parts["key"] != whole["key"] and len(parts["more_data"]) == 1
    alone = recipe.model_copy(update={"data": tmp_path / "claims"})
    with pytest.raises(UserError, match="no mednega"):
        fit(alone, tmp_path / "alone", QUIET)
    lacking = apart.model_copy(update={"objective": "con2"})
    with pytest.raises(UserError, match="no dataset has rows of opposition"):
        fit(lacking, tmp_path / "lacking", QUIET)
