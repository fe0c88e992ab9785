"""A vision-language model in this process: a real one of transformers, tiny and random."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from nastdata.errors import UserError
from nastdata.evaluation.generative import VisionSettings, judge_vlm
from nastdata.evaluation.run import EvaluateSettings
from nastdata.models.dataset_rows import open_data

SETTINGS = EvaluateSettings(split=None, bootstrap=20, limit=6)
Tiny = tuple[Path, Path]


@pytest.fixture
def data(tiny: Tiny) -> Any:
    found = open_data(tiny[0], {"tiny": tiny[1]})
    return replace(found, frames={c: found.frames[c] for c in ("mednega", "contextual_claims")})


def test_text_answers_are_kept_and_counted(data: Any, vlm_folder: Path, tmp_path: Path) -> None:
    vision = VisionSettings(max_tokens=6, controls=True)
    first = judge_vlm(f"vlm-local:{vlm_folder}", data, SETTINGS, tmp_path, vision)
    assert len(first.answers) == 18 * 3
    assert all(set(a.text) <= set("abcdefghijklmnopqrstuvwxyz<>/:,. ") for a in first.answers)
    assert first.report["ledger"]["completion_tokens"] > 0
    again = judge_vlm(f"vlm-local:{vlm_folder}", data, SETTINGS, tmp_path, vision)
    assert [a.text for a in again.answers] == [a.text for a in first.answers]
    assert first.report["images"]["endpoint"] == "in this process"


def test_letters_by_log_probability_depend_on_the_image(data: Any, vlm_folder: Path) -> None:
    vision = VisionSettings(choice="logprobs", controls=True)
    judged = judge_vlm(f"vlm-local:{vlm_folder}", data, SETTINGS, None, vision)
    assert all(a.reading.reason == "logprobs" for a in judged.answers)
    values = {
        (a.asked.question.key, a.asked.question.metric, a.asked.control): a.text for a in judged.answers
    }
    key = next(iter(values))[:2]
    assert len({values[(*key, c)] for c in ("image", "text_only", "swapped")}) == 3


def test_a_folder_without_a_template_is_refused(data: Any, vlm_folder: Path, tmp_path: Path) -> None:
    import shutil

    bare = tmp_path / "bare"
    shutil.copytree(vlm_folder, bare)
    (bare / "chat_template.jinja").unlink()
    with pytest.raises(UserError, match="no chat template"):
        judge_vlm(f"vlm-local:{bare}", data, SETTINGS, None, VisionSettings())
    with pytest.raises(UserError, match="can't be loaded"):
        judge_vlm(f"vlm-local:{tmp_path / 'none'}", data, SETTINGS, None, VisionSettings())


def test_tuned_weights_are_another_model(data: Any, vlm_folder: Path, tmp_path: Path) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    tuned = tmp_path / "tuned"
    shutil.copytree(vlm_folder, tuned)
    weights = load_file(tuned / "model.safetensors")
    name = next(n for n in weights if n.endswith("lm_head.weight"))
    weights[name] = weights[name].flip(0)
    save_file(weights, tuned / "model.safetensors", metadata={"format": "pt"})
    vision = VisionSettings(max_tokens=4)
    few = replace(SETTINGS, limit=1)
    first = judge_vlm(f"vlm-local:{vlm_folder}", data, few, tmp_path, vision)
    second = judge_vlm(f"vlm-local:{tuned}", data, few, tmp_path, vision)
    assert second.report["ledger"]["from_cache"] == 0
    assert [a.text for a in first.answers] != [a.text for a in second.answers]
