"""Images are found in every known layout, whatever their case and ending, and never outside of the root."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from nastdata.errors import UserError
from nastdata.images.find import ImageFinder
from nastdata.images.layouts import read_layouts

EXAMPLES = [
    pytest.param(source, example, id=f"{source}-{example['file'][:60]}")
    for source, layout in read_layouts().items()
    for example in layout["examples"]
]


def put(root: Path, name: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def learn(finder: ImageFinder, source: str, image: str, patient: str, study: str, name: str) -> None:
    row = {"source": source, "image": image, "patient_id": patient, "study_id": study, "image_id": name}
    finder.learn(pl.DataFrame([row]))


@pytest.mark.parametrize(("source", "example"), EXAMPLES)
def test_the_layouts_are_found(source: str, example: dict[str, str], tmp_path: Path) -> None:
    wanted = put(tmp_path, example["file"])
    put(tmp_path, "another/place/entirely.png")
    finder = ImageFinder({source: tmp_path})
    if "study" in example:
        learn(finder, source, example["image"], example["patient"], example["study"], "x")
    assert finder.find(source, example["image"]) == wanted
    assert finder.find(source, example["image"].replace("0", "9").replace("c.png", "d.png")) is None


@pytest.mark.parametrize("above", ["", "a", "a/b", "a/b/c"])
def test_the_root_may_be_any_level(above: str, tmp_path: Path) -> None:
    wanted = put(tmp_path, "a/b/c/d.png")
    assert ImageFinder({"own": tmp_path / above}).find("own", "a/b/c/d.png") == wanted


@pytest.mark.parametrize("there", ["A/B.PNG", "a/b.dcm", "a/B.DICOM", "A/b.Jpg", "a/b"])
def test_case_and_ending_do_not_matter(there: str, tmp_path: Path) -> None:
    wanted = put(tmp_path, there)
    put(tmp_path, "a/b.txt")
    assert ImageFinder({"own": tmp_path}).find("own", "a/b.png") == wanted


def test_the_exact_name_comes_first(tmp_path: Path) -> None:
    for name in ("b.dcm", "b.jpg", "B.png", "b.png"):
        put(tmp_path, name)
    finder = ImageFinder({"own": tmp_path})
    assert finder.find("own", "b.png") == tmp_path / "b.png"
    assert finder.find("own", "b.jpg") == tmp_path / "b.jpg"
    assert finder.find("own", "b.tiff") == tmp_path / "B.png", "PNG before JPEG before DICOM"


def test_ids_with_dots_are_whole_names(tmp_path: Path) -> None:
    put(tmp_path, "1.2.840.1")
    wanted = put(tmp_path, "1.2.840.113.dcm")
    finder = ImageFinder({"own": tmp_path})
    assert finder.find("own", "1.2.840.113") == wanted
    assert finder.find("own", "1.2.840.114") is None


def test_a_template_of_the_users_own(tmp_path: Path) -> None:
    wanted = put(tmp_path, "P7/S1/view2.DCM")
    for finder in (
        ImageFinder({"chexpert": tmp_path}, {"chexpert": "{patient}/{study}/{image}.dcm"}),
        ImageFinder({"chexpert": tmp_path / "{patient}" / "{study}" / "{image}.dcm"}),
    ):
        learn(finder, "chexpert", "train/p7/s1/view2.jpg", "p7", "p7/s1", "p7/s1/view2")
        assert finder.find("chexpert", "train/p7/s1/view2.jpg") == wanted
        assert finder.find("chexpert", "train/p8/s1/view2.jpg") is None, "its ids are not known"
    by_name = ImageFinder({"chexpert": tmp_path}, {"chexpert": "P*/*/{stem}.png"})
    assert by_name.find("chexpert", "train/p7/s1/view2.jpg") == wanted


@pytest.mark.parametrize(
    ("template", "said"),
    [("{patent}/{image}.png", "no field"), ("{patient}/x.png", "same for all"), ("../{image}", "leads out")],
)
def test_a_wrong_template_is_refused(template: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        ImageFinder({"own": tmp_path}, {"own": template})


def test_nothing_outside_of_the_root_is_opened(tmp_path: Path) -> None:
    root = tmp_path / "root"
    inside = put(root, "real/in.png")
    secret = put(tmp_path, "secret/out.png")
    (root / "link.png").symlink_to(secret)
    (root / "folder").symlink_to(secret.parent)
    (root / "fine.png").symlink_to(inside)
    (root / "loop").symlink_to(root / "loop")
    finder = ImageFinder({"own": root})
    for name in ("link.png", "folder/out.png", "../secret/out.png", str(secret), "real/../../secret/out.png"):
        found = finder.locate("own", name)
        assert (found.path, found.reason) == (None, "outside of the root"), name
    assert finder.find("own", "fine.png") == root / "fine.png"
    assert finder.locate("own", "loop").reason in ("not found", "outside of the root")
    assert finder.locate("own", "no.png").reason == "not found"
    assert finder.locate("other", "fine.png").reason == "not found"


def test_names_with_stars_are_names(tmp_path: Path) -> None:
    put(tmp_path, "abc.png")
    finder = ImageFinder({"own": tmp_path})
    assert finder.find("own", "a*c.png") is None
    assert finder.find("own", "a?c.png") is None
    assert finder.find("own", "") is None
