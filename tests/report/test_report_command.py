"""``nastdata report`` as a user calls it, and the films that it shows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from dataset_frames import make_frames, make_manifest, make_rejects

from nastdata.dataset.folder import write_dataset
from nastdata.errors import UserError
from nastdata.images.store import open_store


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "out", make_frames(12), make_rejects(), make_manifest())


def report(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nastdata", "report", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_it_writes_the_same_page_as_the_build(out: Path) -> None:
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    (out / "report.html").write_text("gone")
    done = report(str(out))
    assert done.returncode == 0 and done.stdout == f"report: {out / 'report.html'}\n"
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before


def test_it_shows_films_of_the_user(out: Path, tmp_path: Path) -> None:
    from PIL import Image

    for i in range(0, 12, 2):
        film = tmp_path / "films" / "train" / f"p{i}" / "view1.jpg"
        film.parent.mkdir(parents=True)
        Image.new("L", (8, 8), 100).save(film)
    assert "data:image" not in (out / "report.html").read_text()
    assert report(str(out), "--images", f"chexpert={tmp_path / 'films'}").returncode == 0
    assert "data:image/jpeg" in (out / "report.html").read_text()


@pytest.mark.parametrize(
    ("images", "said"), [("chexpert", "SOURCE=FOLDER"), ("chexpert=/no/where", "no such folder")]
)
def test_wrong_use_is_told(out: Path, images: str, said: str) -> None:
    done = report(str(out), "--images", images)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr


def test_phantom_films_are_drawn_when_asked_for() -> None:
    recipe = {"source": ["phantom"], "ontology": "chest_xray", "seed": 0, "phantom_patients": 3}
    store = open_store(recipe)
    assert store is not None
    from nastdata.ontology import load_ontology
    from nastdata.sources.phantom.source import draw_phantoms

    image = draw_phantoms(load_ontology("chest_xray"), 0, 3).labels["image"][0]
    film = store.read("phantom", image)
    assert film is not None and film.startswith(b"\x89PNG")
    assert store.read("phantom", "nothing.png") is None
    assert store.read("chexpert", image) is None


def test_films_of_real_corpora_need_a_folder(tmp_path: Path) -> None:
    assert open_store(None) is None
    assert open_store({"source": ["chexpert"]}) is None
    with pytest.raises(UserError, match="no such folder"):
        open_store({"source": ["chexpert"]}, {"chexpert": tmp_path / "no"})
