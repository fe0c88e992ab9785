"""The whole of ``nastdata evaluate``: models, datasets, other people's tables, vision servers."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch")

from nastdata.cli.modelling.evaluate import command  # noqa: E402
from nastdata.errors import UserError  # noqa: E402
from nastdata.evaluation.generative import check_images_may_go, judge_vlm, read_letter  # noqa: E402
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
        ("filepath,captions\nx.png,not a list\n", "no list of strings"),
    ],
)
def test_a_wrong_table_is_told(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(UserError, match=says) as told:
        open_table(tmp_path / "t.csv")
    assert "t.csv" in str(told.value)


class Vision(BaseHTTPRequestHandler):
    """Sees brightness only: answers A for every film, in one of several manners."""

    asked: list[dict[str, Any]] = []  # noqa: RUF012
    manners = ("A", "The answer is A.", "**A**", "It could be A or B.", "")

    def do_POST(self) -> None:
        from PIL import Image

        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        picture, question = body["messages"][0]["content"]
        data = base64.b64decode(picture["image_url"]["url"].partition(",")[2])
        assert np.asarray(Image.open(io.BytesIO(data))).shape == (48, 48)
        self.asked.append(body)
        reply = self.manners[len(question["text"]) % 5] if body["model"] == "vague" else "A"
        answer = {"id": "x", "object": "chat.completion", "created": 0, "model": body["model"]}
        answer["choices"] = [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": reply}}
        ]
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_args: Any) -> None:
        """Be quiet."""


@pytest.fixture
def server() -> Iterator[str]:
    Vision.asked = []
    running = ThreadingHTTPServer(("127.0.0.1", 0), Vision)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_address[1]}/v1"
    running.shutdown()
    running.server_close()
    thread.join()


def test_a_vision_server_is_asked_once(server: str, tiny: tuple[Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("openai")
    data = open_data(tiny[0], {"tiny": tiny[1]})
    found = {o.name: o for o in judge_vlm(f"vlm:plain@{server}", data, SETTINGS, tmp_path)}
    right = np.array([a == "A" for a in data.rows("mednega")["answer"]], dtype=float)
    assert np.array_equal(found["mcq_negated"].values, right)
    assert found["unclear_negated"].values.sum() == 0
    asked = len(Vision.asked)
    assert asked == 96
    assert "A. " in Vision.asked[0]["messages"][0]["content"][1]["text"]
    with (tmp_path / "vlm-answers.jsonl").open("a") as file:
        file.write('{"key": "cut sho')
    judge_vlm(f"vlm:plain@{server}", data, SETTINGS, tmp_path)
    assert len(Vision.asked) == asked


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ("B", "B"),
        ("The answer is C.", "C"),
        ("**D**", "D"),
        ("A or B", None),
        ("", None),
        ("B. B is right", "B"),
    ],
)
def test_letters(answer: str, letter: str | None) -> None:
    assert read_letter(answer) == letter


def test_restricted_images_stay_here() -> None:
    with pytest.raises(UserError, match="mimic-cxr may not leave"):
        check_images_may_go(["mimic-cxr", "phantom"], "https://api.openai.com/v1")
    check_images_may_go(["mimic-cxr"], "http://127.0.0.1:8000/v1")
    check_images_may_go(["phantom"], "https://api.openai.com/v1")


def test_an_unreachable_server_is_told(tiny: tuple[Path, Path]) -> None:
    pytest.importorskip("openai")
    from nastdata.evaluation import generative as vlm

    data = open_data(tiny[0], {"tiny": tiny[1]})
    asker = vlm.Asker("m", "http://127.0.0.1:9/v1", data.store, None)
    asker.client = asker.client.with_options(max_retries=0)
    with pytest.raises(UserError, match="no answer"):
        asker.ask([("tiny", "films/i000.png")], ["?"])


def test_the_spec_of_a_missing_split_is_told(native: Any, tiny: tuple[Path, Path]) -> None:
    data = open_data(tiny[0], {"tiny": tiny[1]})
    with pytest.raises(UserError, match="split 'tset'"):
        evaluate(native, data, EvaluateSettings(split="tset"), None)
    assert load_encoder(native.spec).spec == native.spec
