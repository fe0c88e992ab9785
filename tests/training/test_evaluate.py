"""The whole of ``nastdata evaluate``: models, datasets, other people's tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch")

from nastdata.cli.modelling.evaluate import command  # noqa: E402
from nastdata.errors import UserError  # noqa: E402
from nastdata.evaluation.run import (  # noqa: E402
    EvaluateSettings,
    compare_models,
    evaluate,
    score_conditions,
    summarise,
)
from nastdata.evaluation.tables import open_table  # noqa: E402
from nastdata.models.dataset_rows import open_data  # noqa: E402
from nastdata.models.registry import load_encoder  # noqa: E402

SETTINGS = EvaluateSettings(split=None, bootstrap=50)


def test_the_command_writes_figures_for_every_model(
    native_folder: Path, hf_clip: Any, tiny: tuple[Path, Path], tmp_path: Path
) -> None:
    models = [f"open_clip:{native_folder}", f"open_clip:{native_folder}", hf_clip.spec]
    args = [str(tiny[0]), "--images", f"tiny={tiny[1]}", "--out", str(tmp_path / "out")]
    args += [x for m in models for x in ("--model", m)]
    args += ["--split", "all", "--bootstrap", "20", "--cache", str(tmp_path / "cache"), "--json"]
    done = CliRunner().invoke(command, args, catch_exceptions=False)
    report = json.loads(done.stdout)
    assert report == json.loads((tmp_path / "out/evaluation.json").read_text())
    result = report["results"][models[0]]
    for name in (
        "mcq_negated",
        "claim[truth=negated]",
        "claim_gap",
        "recall@5",
        "prompt_top10",
        "group_negated",
    ):
        assert 0 <= abs(result[name]["mean"]) <= 1
        assert result[name]["low"] <= result[name]["mean"] <= result[name]["high"]
    assert 0 <= result["mcq_gap"]["mcnemar"]["p"] <= 1
    auc = report["auc"][models[0]]["Edema"]
    assert auc["present"] + auc["absent"] == 48
    assert (tmp_path / "out/claim.png").stat().st_size > 2000
    assert "| open_clip:" in (tmp_path / "out/evaluation.md").read_text()


def test_a_model_differs_from_itself_in_nothing(native: Any, tiny: tuple[Path, Path]) -> None:
    data = open_data(tiny[0], {"tiny": tiny[1]})
    found = evaluate(native, data, SETTINGS, None)
    compared = compare_models({"a": found, "b": found}, "a", SETTINGS)["b"]
    assert all(c["mean"] == 0 for c in compared.values())
    assert compared["claim"]["mcnemar"]["p"] == 1
    assert summarise(found, SETTINGS) == summarise(evaluate(native, data, SETTINGS, None), SETTINGS)


def test_auc_of_a_model_that_knows(
    native: Any, tiny: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Films replaced by the feature of the prompt that is true of them."""
    from nastdata.evaluation import run as ev
    from nastdata.evaluation.outcomes import read_states

    data = open_data(tiny[0], {"tiny": tiny[1]})
    states = read_states(data.frames)["Edema"]
    with torch.no_grad():
        yes, no = native.encode_texts(
            native.tokenize(["There is pulmonary edema.", "There is no pulmonary edema."])
        )
    monkeypatch.setattr(
        ev, "embed_images", lambda _e, _s, keys, _c: torch.stack([yes if states[k] else no for k in keys])
    )
    auc = score_conditions(native, data, SETTINGS, None)["Edema"]
    assert auc["difference"]["mean"] == 1


def test_tables_of_negbench(native: Any, tiny: tuple[Path, Path], tmp_path: Path) -> None:
    head = "correct_answer,caption_0,caption_1,caption_2,caption_3,correct_answer_template,image_path\n"
    lines = [
        f"{i % 4},no edema,edema,no fracture,fracture,{'negative' if i % 2 else 'positive'},films/i{i:03}.png"
        for i in range(8)
    ]
    (tmp_path / "mcq.csv").write_text(head + "\n".join(lines) + "\n")
    data = open_table(tmp_path / "mcq.csv", {"csv": tiny[1]})
    result = summarise(evaluate(native, data, SETTINGS, None), SETTINGS)
    assert result["mcq"]["n"] == 8
    assert {"mcq[kind=negative]", "mcq[kind=positive]"} <= set(result)
    rows = [f"films/i{i:03}.png,\"['There is edema.', 'No fracture {i}.']\"" for i in range(6)]
    (tmp_path / "retrieval.csv").write_text("filepath,captions\n" + "\n".join(rows) + "\n")
    found = summarise(
        evaluate(native, open_table(tmp_path / "retrieval.csv", {"csv": tiny[1]}), SETTINGS, None), SETTINGS
    )
    assert found["recall@5"]["n"] == 12


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b\n1,2\n", "neither of NegBench"),
        ("correct_answer,caption_0,caption_1,image_path\n7,a,b,x.png\n", "row 2"),
        ("filepath,captions\nx.png,not a list\n", "not a list of strings"),
    ],
)
def test_a_wrong_table_is_told(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(UserError, match=says) as told:
        open_table(tmp_path / "t.csv")
    assert "t.csv" in str(told.value)


def test_the_spec_of_a_missing_split_is_told(native: Any, tiny: tuple[Path, Path]) -> None:
    data = open_data(tiny[0], {"tiny": tiny[1]})
    with pytest.raises(UserError, match="split 'tset'"):
        evaluate(native, data, EvaluateSettings(split="tset"), None)
    assert load_encoder(native.spec).spec == native.spec
