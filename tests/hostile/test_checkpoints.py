"""Weights of others: code in them does not run, and TorchScript is read without running it."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from hostile.targets.models import bad_safetensors, pack, pickles  # noqa: E402

from nastdata.errors import UserError  # noqa: E402
from nastdata.models.open_clip_weights import read_weights  # noqa: E402
from nastdata.models.weight_files.scripted import read_scripted  # noqa: E402


@pytest.mark.parametrize("name", sorted(pickles()))
def test_pickled_code_does_not_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = pickles()[name]
    scripted = {"w/constants.pkl": data, "w/code/x.py": b"import os"}
    for file, content in {"a.pt": data, "b.pt": pack(data), "c.pt": pack(data, **scripted)}.items():
        (tmp_path / file).write_bytes(content)
        with pytest.raises(UserError):
            read_weights(tmp_path / file)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.pt", "b.pt", "c.pt"]


@pytest.mark.parametrize(
    "name", sorted(set(bad_safetensors()) - {"odd name", "odd types", "zero times huge", "two names"})
)
def test_bad_safetensors_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(bad_safetensors()[name])
    with pytest.raises(UserError):
        read_weights(path)


class Net(torch.nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(3, 2)
        self.narrow = torch.nn.Parameter(torch.ones(4, dtype=torch.float16))
        self.register_buffer("count", torch.tensor(7))


def test_scripted_weights_are_those_that_torch_reads(tmp_path: Path) -> None:
    path = tmp_path / "s.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(Net()), str(path))
        wanted = torch.jit.load(str(path)).state_dict()
    found = read_scripted(path)
    assert set(found) == set(wanted)
    assert all(torch.equal(found[k], v) and found[k].dtype == v.dtype for k, v in wanted.items())
