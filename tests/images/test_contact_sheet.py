"""``nastdata images``: one offline page of what was read, converted, refused and why."""

from __future__ import annotations

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from dicoms import MARK, draw, make_dicom, save
from PIL import Image
from radiographs import path_of, write_radiographs, write_table

from nastdata.cli import cli
from nastdata.images.contact_sheet import find_oddities
from nastdata.images.decoding.picture import REASONS, Picture

NASTY = "<script onload=alert(1)>.png"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sheet") / "xrays"
    root.mkdir()
    for i in range(6):
        Image.fromarray(draw(i)).save(root / f"{i}.png")
    Image.fromarray(draw(7).astype(np.uint16) * 99).save(root / "deep.png")
    save(make_dicom(255 - draw(8), photometric="MONOCHROME1", planted=True), root / "sub" / "inverted.dcm")
    save(make_dicom(draw(9), BurnedInAnnotation="YES"), root / "burnt.dcm")
    save(make_dicom(draw(9), NumberOfFrames=2), root / "frames")
    (root / NASTY).write_text("these are not pixels")
    (root / "scan.nii.gz").write_bytes(b"\x1f\x8b123")
    (root / "labels.csv").write_text("a,b\n")
    (root / "white.png").write_bytes((root / "0.png").read_bytes())
    Image.fromarray(np.full((64, 64), 255, np.uint8)).save(root / "white.png")
    (root / "cut.png").write_bytes((root / "deep.png").read_bytes()[:900])
    (root / "out.png").symlink_to("/etc/hostname")
    return root


def look(*args: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["images", *args])
    return done.exit_code, done.output + (f" {done.exception}" if done.exception else "")


class Pictures(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.images: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.images += [dict(attrs)["src"] or ""] if tag == "img" else []
        self.scripts += tag == "script"


def test_a_folder(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    code, said = look(str(folder), "--out", str(page), "--json")
    assert code == 0
    account = json.loads(said)
    assert account["named"] == 15 and account["usable"] == 9 and account["other_files"] == 1
    assert account["refused"] == {"a volume": 1, "burnt-in text": 1, "cut short": 1, "not an image": 1,
                                  "outside of the root": 1, "several frames": 1}  # fmt: skip
    assert account["kinds"] == {"PNG, 8 bit": 7, "PNG, 16 bit": 1, "DICOM, 8 bit": 1}
    assert account["conversions"] == {"inverted": 1, "percentiles": 1}
    assert account["look_odd"] == {"white.png": ["mostly white", "hardly any contrast"]}
    html = page.read_text()
    parser = Pictures()
    parser.feed(html)
    assert parser.scripts == 0 and len(parser.images) == 9 and "&lt;script onload" in html
    assert all(src.startswith("data:image/jpeg;base64,") for src in parser.images)
    assert not re.search(r"(?:src|href)=\"(?!data:)", html), "the page needs nothing else"
    assert all(REASONS[r].split(",")[0] in html for r in account["refused"])
    assert MARK not in page.read_bytes()
    shown = [Image.open(io.BytesIO(base64.b64decode(src.split(",")[1]))) for src in parser.images]
    assert all(max(image.size) <= 220 for image in shown)


def test_few_pictures_have_one_of_each_kind(folder: Path, tmp_path: Path) -> None:
    code, said = look(str(folder), "--out", str(tmp_path / "p.html"), "--limit", "3", "--json")
    account = json.loads(said)
    assert code == 0 and account["shown"] <= 3 and account["named"] == 15
    assert "percentiles" in account["conversions"] or "cut short" in account["refused"]


def test_a_source_and_a_dataset(tmp_path: Path) -> None:
    table, root = write_table(tmp_path, 5), tmp_path / "xrays"
    write_radiographs(root, 4)
    page = str(tmp_path / "p.html")
    code, said = look("chexpert", "--data", str(table), "--image-root", str(root), "--out", page)
    assert code == 0 and "4  DICOM, 12 bit" in said and f"1  refused: not found, e.g. {path_of(4)}" in said
    code, said = look("phantom", "--limit", "5", "--out", page)
    assert code == 0 and "drawn, 8 bit" in said
    settings = (f"image_root={root}", "images=embed", "images.max_missing=0.3", "claims.enabled=false")
    chosen = [part for s in (*settings, "captions.balanced=false") for part in ("--set", s)]
    build = ["build", "contextual", "--source", "chexpert", "--data", str(table), *chosen]
    assert CliRunner().invoke(cli, [*build, "--out", str(tmp_path / "out")]).exit_code == 0
    code, said = look(str(tmp_path / "out"), "--out", page)
    assert code == 0 and "4  PNG, 8 bit" in said
    assert "chexpert: patient00000/study1/view1_frontal" in Path(page).read_text()


def test_ones_own_table(tmp_path: Path) -> None:
    for i in range(3):
        save(make_dicom(draw(i)), tmp_path / "xrays" / f"P{i}" / f"s{i}.dcm")
    rows = [f"P{i},P{i}/s{i}.dcm,{i % 2}" for i in range(3)]
    (tmp_path / "t.csv").write_text("\n".join(["pid,img,Edema", *rows]) + "\n")
    yaml = str(tmp_path / "my.yaml")
    done = CliRunner().invoke(cli, ["sources", "new", str(tmp_path / "t.csv"), "-o", yaml])
    assert done.exit_code == 0, done.output
    page = str(tmp_path / "p.html")
    code, said = look(yaml, "--image-root", str(tmp_path / "xrays"), "--out", page)
    assert code == 0 and "3  DICOM, 8 bit" in said


def test_wrong_use(folder: Path, tmp_path: Path) -> None:
    out = ("--out", str(tmp_path / "p.html"))
    assert "no such folder, and no such source" in look("nowhere", *out)[1]
    assert "not a folder" in look(str(folder / "0.png"), *out)[1]
    assert "the folder of its images is not named" in look("chexpert", *out)[1]
    assert "for a source or a dataset" in look(str(folder), "--template", "{image}", *out)[1]
    (tmp_path / "empty").mkdir()
    assert "no image files" in look(str(tmp_path / "empty"), *out)[1]
    (tmp_path / "empty/x.png").write_text("no")
    code, said = look(str(tmp_path / "empty"), *out)
    assert code == 1 and "no image can be used" in said
    assert "can't be written" in look(str(folder), "--out", str(tmp_path / "no/p.html"))[1]


def test_odd_pictures_are_pointed_out_and_radiographs_are_not() -> None:
    def judge(pixels: np.ndarray) -> tuple[str, ...]:
        return find_oddities(Picture(pixels, "PNG"))

    for i in range(12):
        assert judge(draw(i, 96)) == ()
    y, x = np.mgrid[-1:1:96j, -1:1:96j]
    body = (255 * np.exp(-3 * (x**2 + y**2))).astype(np.uint8)
    assert judge(body) == () and judge(255 - body) == ("bright around a dark middle: inverted?",)
    assert judge(np.zeros((50, 50), np.uint8)) == ("mostly black", "hardly any contrast")
