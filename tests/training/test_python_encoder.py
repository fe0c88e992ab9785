"""Any importable object as an encoder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from click.testing import CliRunner  # noqa: E402

from nastdata.cli.modelling.evaluate import command  # noqa: E402
from nastdata.errors import UserError  # noqa: E402
from nastdata.models.registry import load_encoder  # noqa: E402

CODE = '''
import numpy as np
import torch

SEEN = {"images": 0, "texts": []}

class Bright:
    """Sees the mean brightness, and reads the number of letters."""
    fingerprint = "1"
    def encode_image(self, images):
        SEEN["images"] += len(images)
        assert all(i.mode in ("L", "RGB") for i in images)
        return [[float(np.asarray(i).mean()), 1.0, 2.0] for i in images]
    def encode_text(self, texts):
        assert all(isinstance(t, str) for t in texts)
        SEEN["texts"] += texts
        return np.array([[float(len(t)), 1.0, -2.0] for t in texts])

def load(argument=""):
    return Bright()

ready = Bright()

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Linear(1, 4)
    def encode_image(self, images):
        return self.w(torch.tensor([[float(np.asarray(i).mean()) / 255] for i in images]))
    def encode_text(self, texts):
        return self.w(torch.tensor([[len(t) / 100] for t in texts]))

def net():
    torch.manual_seed(0)
    return Net()

class Half:
    def encode_image(self, images):
        return [[1.0]]

class Flat(Bright):
    def encode_text(self, texts):
        return [1.0] * len(texts)

class Nan(Bright):
    def encode_text(self, texts):
        return [[float("nan")] * 3] * len(texts)

class Wide(Bright):
    def encode_text(self, texts):
        return [[1.0] * 5] * len(texts)

class Angry(Bright):
    def encode_text(self, texts):
        raise RuntimeError("no text today\\nsecond line")

def broken():
    raise ValueError("weights are gone")
'''


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"mine_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    return name


@pytest.mark.parametrize("factory", ["load", "load@weights.pt", "ready", "net"])
def test_an_object_is_evaluated_like_any_model(
    mine: str, factory: str, tiny: tuple[Path, Path], tmp_path: Path
) -> None:
    spec = f"python:{mine}:{factory}"
    args = [str(tiny[0]), "--images", f"tiny={tiny[1]}", "--model", spec, "--split", "all", "--json"]
    args += ["--bootstrap", "20", "--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    done = CliRunner().invoke(command, args, catch_exceptions=False)
    assert done.exit_code == 0
    report = json.loads(done.stdout)
    assert {"mcq_negated", "claim", "recall@1"} <= set(report["results"][spec])
    assert report["models"][spec]["depth"] is None
    again = json.loads(CliRunner().invoke(command, args, catch_exceptions=False).stdout)
    assert again["results"] == report["results"]


def test_features_are_those_of_the_object(mine: str) -> None:
    from PIL import Image

    encoder = load_encoder(f"python:{mine}:load")
    found = encoder.encode_texts(encoder.tokenize(["abc", "abcdef"])).numpy()
    wanted = np.array([[3.0, 1.0, -2.0], [6.0, 1.0, -2.0]])
    assert np.allclose(found, wanted / np.linalg.norm(wanted, axis=1, keepdims=True), atol=1e-6)
    pictures = [Image.new("L", (4, 4), v) for v in (3, 200)]
    pixels = torch.stack([encoder.preprocess(p) for p in pictures])
    seen = encoder.encode_images(pixels).numpy()
    wanted = np.array([[3.0, 1.0, 2.0], [200.0, 1.0, 2.0]])
    assert np.allclose(seen, wanted / np.linalg.norm(wanted, axis=1, keepdims=True), atol=1e-6)


@pytest.mark.parametrize(
    ("factory", "says"),
    [
        ("Half", "has no encode_text"),
        ("Flat", "the shape (1,)"),
        ("Nan", "no finite numbers"),
        ("Angry", "RuntimeError: no text today"),
        ("broken", "ValueError: weights are gone"),
        ("nothing", "has no 'nothing'"),
    ],
)
def test_what_is_no_encoder_is_told(mine: str, factory: str, says: str) -> None:
    with pytest.raises(UserError) as told:
        encoder: Any = load_encoder(f"python:{mine}:{factory}")
        encoder.encode_texts(encoder.tokenize(["abc"]))
    assert says in str(told.value)
    assert "second line" not in str(told.value)


def test_dimensions_must_agree(mine: str) -> None:
    from PIL import Image

    encoder = load_encoder(f"python:{mine}:Wide")
    encoder.encode_images(torch.stack([encoder.preprocess(Image.new("L", (4, 4)))]))
    with pytest.raises(UserError, match="different dimensions: 3 and 5"):
        encoder.encode_texts(encoder.tokenize(["abc"]))


@pytest.mark.parametrize("name", ["", "mine", "mine:", ":load", "no_such_module_at_all:load"])
def test_names_of_nothing(name: str) -> None:
    with pytest.raises(UserError):
        load_encoder(f"python:{name}")


def test_it_can_not_be_traced(mine: str) -> None:
    with pytest.raises(UserError, match="only `nastdata evaluate`"):
        load_encoder(f"python:{mine}:load").text.capture(torch.zeros(1, 1))
