"""A run's log holds every step once, whatever happened to the run, and TensorBoard shows the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from tiny_training import make_recipe  # noqa: E402

from nastdata.errors import UserError  # noqa: E402
from nastdata.progress import Progress  # noqa: E402
from nastdata.training.fit import fit  # noqa: E402
from nastdata.training.run_log import RunLog  # noqa: E402
from nastdata.training.settings import TrainRecipe  # noqa: E402
from nastdata.training.trainer import Trainer  # noqa: E402

QUIET = Progress(quiet=True)


def read_events(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Every event of every file, in the order written, nothing purged."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0}, purge_orphaned_data=False)
    accumulator.Reload()
    tags = accumulator.Tags()["scalars"]
    return {tag: [(e.step, e.value) for e in accumulator.Scalars(tag)] for tag in tags}


def read_lines(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


class Killed(BaseException):
    """Nothing in the program may catch it."""


@pytest.fixture(scope="module")
def killed_and_resumed(
    native_folder: Path, tiny: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    pytest.importorskip("tensorboard")
    folder = tmp_path_factory.mktemp("runlog")
    recipe = make_recipe(native_folder, tiny, folder / "cache", log="tensorboard")
    usual = Trainer._step

    def die(self: Any, step: int) -> dict[str, float]:
        if step == 5:
            raise Killed
        return usual(self, step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "_step", die)
        with pytest.raises(Killed):
            fit(recipe, folder / "run", QUIET)
    assert [line["step"] for line in read_lines(folder / "run")] == [1, 2, 3, 4, 5]
    return folder / "run", fit(recipe, folder / "run", QUIET)


def test_every_step_stands_in_the_log_once(killed_and_resumed: tuple[Path, dict[str, Any]]) -> None:
    lines = read_lines(killed_and_resumed[0])
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    names = {"step", "loss", "clip", "claim", "learning_rate", "gradient_norm", "update_norm"}
    assert all(set(line) == names for line in lines)
    assert all(line["gradient_norm"] > 0 for line in lines)


def test_events_tell_what_the_log_tells(killed_and_resumed: tuple[Path, dict[str, Any]]) -> None:
    run, about = killed_and_resumed
    events = read_events(run / "tensorboard")
    assert len(list((run / "tensorboard").iterdir())) == 1
    scores = events.pop("validation/claim_accuracy")
    assert [step for step, _ in scores] == [0, 2, 4, 6]
    for (step, value), validation in zip(scores, about["history"], strict=True):
        assert (step, value) == (validation["step"], pytest.approx(validation["claim_accuracy"]))
    lines = read_lines(run)
    assert set(events) == {f"train/{name}" for name in lines[0] if name != "step"}
    for tag, found in events.items():
        wanted = [(line["step"], pytest.approx(line[tag.removeprefix("train/")])) for line in lines]
        assert found == wanted


def test_the_learning_rate_rises_and_falls(killed_and_resumed: tuple[Path, dict[str, Any]]) -> None:
    rates = [line["learning_rate"] for line in read_lines(killed_and_resumed[0])]
    assert rates[0] == pytest.approx(3e-3)
    assert rates == sorted(rates, reverse=True)


def test_the_update_is_what_the_step_moved(tmp_path: Path) -> None:
    """One plain gradient step of a known size, through the trainer's own step."""
    from types import SimpleNamespace

    weight = torch.nn.Parameter(torch.zeros(3))
    group = {"params": [weight], "base": 0.5, "factor": 1.0}
    fake = Trainer.__new__(Trainer)
    fake.recipe = TrainRecipe.model_validate({"recipe": "train", "warmup": 0.5, "clip_norm": None})
    fake.steps, fake.scale = 10, 1.0
    fake._heads = {}
    fake.scaler = torch.amp.GradScaler("cpu", enabled=False)
    fake.optimizer = torch.optim.SGD([group], lr=0.5)
    fake.model = SimpleNamespace(train=lambda _on: None)
    fake.base = SimpleNamespace(restore=lambda: None)
    fake.world = SimpleNamespace(average_gradients=lambda _p: None, rank=0)
    fake.objective = SimpleNamespace(
        compute=lambda *_a: {"loss": (weight * torch.tensor([3.0, 0, 4.0])).sum()}
    )
    scalars = fake._step(0)
    assert scalars["gradient_norm"] == pytest.approx(5)
    assert scalars["update_norm"] == pytest.approx(5 * 0.5 / 5)
    assert scalars["learning_rate"] == pytest.approx(fake.recipe.learning_rate / 5)


def test_a_log_may_be_wanted_later_and_shows_the_steps_before(tmp_path: Path) -> None:
    plain = RunLog(tmp_path, "none", 0, [])
    for step in (1, 2, 3):
        plain.tell_step(step, {"loss": 1 / step})
    plain.close()
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 4, "lo')
    history = [{"step": 0, "score": 0.25}, {"step": 2, "loss": 0.5, "score": 0.5}]
    log = RunLog(tmp_path, "tensorboard", 2, history)
    log.tell_step(3, {"loss": 0.1})
    log.tell_score({"step": 3, "loss": 0.1, "score": 0.75})
    log.close()
    assert [line["loss"] for line in read_lines(tmp_path)] == [1, 0.5, 0.1]
    events = read_events(tmp_path / "tensorboard")
    assert events["train/loss"] == [(1, 1.0), (2, 0.5), (3, pytest.approx(0.1))]
    assert events["validation/score"] == [(0, 0.25), (2, 0.5), (3, 0.75)]


def test_processes_that_do_not_lead_write_nothing(tmp_path: Path) -> None:
    log = RunLog(tmp_path, "tensorboard", 0, [], leads=False)
    log.tell_step(1, {"loss": 1.0})
    log.tell_score({"step": 1, "score": 1.0})
    log.close()
    assert not list(tmp_path.iterdir())


def test_small_numbers_are_kept(tmp_path: Path) -> None:
    log = RunLog(tmp_path, "none", 0, [])
    log.tell_step(1, {"learning_rate": 1.2345678e-9})
    assert read_lines(tmp_path)[0]["learning_rate"] == 1.23457e-9


def test_tensorboard_not_installed_is_told_before_the_work(
    native_folder: Path, tiny: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(UserError, match=r"nastdata\[tensorboard\]"):
        fit(make_recipe(native_folder, tiny, tmp_path, log="tensorboard"), tmp_path / "run", QUIET)
    assert not (tmp_path / "run").exists()
