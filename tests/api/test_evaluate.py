"""``nastdata.evaluate``, ``trace`` and ``train``: any encoder, figures with intervals, a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nastdata

pytest.importorskip("torch")
pytest.importorskip("open_clip")


class Guess:
    """Knows nothing: every image is alike."""

    def encode_image(self, images: list[Any]) -> np.ndarray:
        return np.ones((len(images), 3))

    def encode_text(self, texts: list[str]) -> list[list[float]]:
        return [[1.0, len(t) % 7, t.count("no ")] for t in texts]


class Reads:
    """Finds each image's own right text: an upper bound, by knowing the dataset."""

    def __init__(self, dataset: nastdata.Dataset) -> None:
        rows = dataset.rows("mednega", "train")
        self.right = [r["negated_choices"]["ABCD".index(r["answer"])] for r in rows.to_dicts()]
        self.place: dict[bytes, int] = {}

    def encode_image(self, images: list[Any]) -> np.ndarray:
        at = [self.place.setdefault(i.tobytes(), len(self.place)) for i in images]
        return np.eye(len(self.right))[at]

    def encode_text(self, texts: list[str]) -> np.ndarray:
        return np.array([[float(t == r) + 1e-3 for r in self.right] for t in texts])


def test_objects_are_evaluated_and_compared(small: nastdata.Dataset, tmp_path: Path) -> None:
    models = {"guess": Guess(), "reads": Reads(small)}
    found = nastdata.evaluate(models, small, split="train", bootstrap=50, out=tmp_path / "out")
    figures = found.figures
    negated = {r["model"]: r["mean"] for r in figures.to_dicts() if r["metric"] == "mcq_negated"}
    assert negated["reads"] > 0.9 > negated["guess"]
    assert set(found.comparison["model"]) == {"reads"}
    assert (tmp_path / "out" / "evaluation.html").is_file()
    html = found._repr_html_()
    assert "guess" in html and "mcq_negated" in html and "share right" in html
    assert "mcq_negated" in repr(found)


def test_nothing_is_written_or_printed_unasked(
    small: nastdata.Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    events: list[nastdata.Event] = []
    nastdata.evaluate(Guess(), small, split="train", bootstrap=20, progress=events.append)
    assert list(tmp_path.iterdir()) == []
    shown = capsys.readouterr()
    assert shown.out == shown.err == "" and events


def test_a_model_of_open_clip_as_it_is(small: nastdata.Dataset) -> None:
    import open_clip
    import torch

    tiny = {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16}
    text = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
    torch.manual_seed(0)
    model = open_clip.model.CLIP(embed_dim=16, vision_cfg=tiny, text_cfg=text)
    preprocess = open_clip.image_transform(32, is_train=False)
    tokenize = open_clip.SimpleTokenizer()
    with pytest.raises(nastdata.UserError, match="WrappedEncoder"):
        nastdata.evaluate(model, small, split="train", limit=4, bootstrap=20)
    encoder = nastdata.WrappedEncoder(model, preprocess, tokenize)
    found = nastdata.evaluate(encoder, small, split="train", limit=8, bootstrap=20)
    assert 0 <= found.figures["mean"][0] <= 1


@pytest.mark.parametrize(
    ("model", "options", "said"),
    [
        (object(), {}, "no encode_image"),
        ("clip:x", {}, "no such kind of model"),
        ([], {}, "no model given"),
        (Guess(), {"controlls": True}, "did you mean 'controls'"),
        (Guess(), {"split": "tets"}, "tets"),
        (Guess(), {"images": {"phantom": "/no/such"}}, "no such folder"),
    ],
)
def test_mistakes_name_the_remedy(
    small: nastdata.Dataset, model: Any, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(nastdata.UserError) as caught:
        nastdata.evaluate(model, small, bootstrap=20, **{"split": "train", **options})
    assert said in str(caught.value)


def test_a_missing_extra_is_named(small: nastdata.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nastdata.extras.find_spec", lambda name: None if name == "peft" else object())
    for call in (nastdata.evaluate, nastdata.trace, nastdata.train):
        with pytest.raises(nastdata.UserError) as caught:
            call("open_clip:x", small)
        assert "peft is not installed" in str(caught.value)
        assert "pip install 'nastdata[train]'" in str(caught.value)


def test_trace_and_train_take_names(small: nastdata.Dataset) -> None:
    for call in (nastdata.trace, nastdata.train):
        with pytest.raises(nastdata.UserError, match="can only be evaluated"):
            call(Guess(), small)
    with pytest.raises(nastdata.UserError, match="builds data"):
        nastdata.train("open_clip:x", small, recipe="mednega")
