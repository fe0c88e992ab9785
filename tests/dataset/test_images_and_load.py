"""Users load folders, and find or embed the images of their own copies."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from dataset_frames import make_frame, make_frames, make_manifest, make_rejects

import nastdata
from nastdata.dataset.folder import read_dataset, write_dataset
from nastdata.errors import UserError
from nastdata.images.build import open_images
from nastdata.images.convert import ImageFile
from nastdata.images.encode import Encoding
from nastdata.images.find import ImageFinder
from nastdata.images.prepare import list_wanted, prepare_images
from nastdata.recipe import load_recipe


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return write_dataset(tmp_path / "out", make_frames(20), make_rejects(), make_manifest())


def make_png(shade: int) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.new("L", (16, 16), shade).save(file, "PNG")
    return file.getvalue()


def test_import_is_light() -> None:
    code = "import sys, nastdata; print([m for m in ('polars', 'datasets', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    with pytest.raises(AttributeError, match="nonsense"):
        nastdata.nonsense  # noqa: B018


def test_load(out: Path) -> None:
    rows = nastdata.load(out, "mednega", "test")
    assert len(rows) == 4
    assert set(nastdata.load(out, "probes")) == {"train", "validation", "test"}
    with pytest.raises(UserError, match="did you mean 'mednega'"):
        nastdata.load(out, "mednga")
    with pytest.raises(UserError, match="did you mean 'test'"):
        nastdata.load(out, "mednega", "tset")
    (out / "README.md").unlink()
    (out / "manifest.json").unlink()
    assert nastdata.load(out, "mednega", "test").to_list() == rows.to_list()


@pytest.mark.parametrize("below", ["", "CheXpert-v1.0-small", "CheXpert-v1.0-small/train"])
def test_attach_finds_images_from_any_level_of_the_root(tmp_path: Path, below: str) -> None:
    frame = make_frame("opposition", 20)
    have = [r for r in frame.to_dicts() if r["source"] == "chexpert" and r["image"]][:3]
    for row in have:
        file = tmp_path / row["image"]
        file.parent.mkdir(parents=True)
        file.write_bytes(b"x")
    attached = nastdata.attach_images(frame, {"chexpert": tmp_path / below})
    paths = dict(zip(frame["pair_id"], attached.rows["image_path"], strict=True))
    for row in frame.to_dicts():
        expected = str(tmp_path / row["image"]) if row in have else None
        assert paths[row["pair_id"]] == expected
    assert attached.no_image == frame["image"].null_count()
    assert attached.found + attached.missing + attached.no_image == 40
    assert len(attached.examples) == 5 and "missing" in str(attached)


def test_attach_to_datasets(out: Path, tmp_path: Path) -> None:
    data = nastdata.load(out, "mednega")
    attached = nastdata.attach_images(data, {"chexpert": tmp_path})
    assert set(attached.rows) == set(data)
    assert attached.rows["train"]["image_path"][0] is None
    assert attached.found == 0 and attached.missing == 17
    again = nastdata.attach_images(attached.rows["train"], {"openi": tmp_path})
    assert again.rows.column_names.count("image_path") == 1


def test_attach_tells_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        nastdata.attach_images(make_frame("probes", 2), {"chexpert": tmp_path / "no"})
    with pytest.raises(UserError, match="without 'source' and 'image'"):
        nastdata.attach_images(pl.DataFrame({"a": [1]}), {})


def test_paths_that_leave_the_root_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "secret.jpg").write_bytes(b"x")
    finder = ImageFinder({"chexpert": tmp_path / "root"})
    assert finder.find("chexpert", "../secret.jpg") is None
    assert finder.find("chexpert", str(tmp_path / "secret.jpg")) is None
    assert finder.find("openi", "secret.jpg") is None


def test_embedded_images_come_back_as_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    def load(source: str, path: str) -> bytes | None:
        return make_png(int(path.split("/p")[1].split("/")[0])) if source == "chexpert" else None

    frames = {"opposition": make_frame("opposition", 20), "mednega": make_frame("mednega", 20)}
    prepared = prepare_images(
        list_wanted(frames), lambda s, i: ImageFile(s, i, data=load(s, i)), Encoding(), tmp_path / "work"
    )
    out = write_dataset(tmp_path / "out", frames, make_rejects(), make_manifest(), embedder=prepared)
    rows = datasets.load_dataset(str(out), "opposition", cache_dir=str(tmp_path / "c"))["train"]
    assert isinstance(rows.features["image"], datasets.Image)
    assert isinstance(rows.features["distractor_image"], datasets.Image)
    for row in rows:
        n = int(row["patient_id"][1:])
        if row["source"] == "chexpert" and n % 7 != 3:
            assert row["image"].size == (16, 16) and row["image"].getpixel((0, 0)) == n
        else:
            assert row["image"] is None
    images = json.loads((out / "manifest.json").read_text())["images"]
    drawn = sum(f[c].drop_nulls().len() for f in frames.values() for c in f.columns if c in IMAGES)
    assert images["embedded"] + images["missing"] == drawn and images["missing"] > 0
    assert read_dataset(out).read("mednega")["image"].dtype == pl.Struct(
        {"bytes": pl.Binary, "path": pl.String}
    )
    with pytest.raises(UserError, match="embedded already"):
        nastdata.attach_images(rows, {"chexpert": tmp_path})


IMAGES = ("image", "distractor_image")


def test_embedding_needs_to_know_where_images_are() -> None:
    recipe = load_recipe("mednega", [("source", "chexpert"), ("images", "embed")])
    with pytest.raises(UserError, match="image_root"):
        open_images(recipe)
