"""A build with images of its own: what is there is shown first, what can't be used is named and counted."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from dicoms import draw, make_dicom, save
from PIL import Image
from radiographs import QUIET, header_bomb, path_of, write_radiographs, write_table

from nastdata.engines import open_engine
from nastdata.errors import UserError
from nastdata.images.convert import ImageFile
from nastdata.images.encode import Encoding
from nastdata.images.prepare import Wanted, name_images, prepare_images
from nastdata.images.store import ImageStore
from nastdata.images.survey import check_share, draw_table, survey_images
from nastdata.pipeline import Built, build
from nastdata.progress import Progress
from nastdata.recipe import load_recipe

SETTINGS = [*(tuple(s.split("=", 1)) for s in QUIET if s != "--set"), ("claims.enabled", "false")]


def make(table: Path, root: Path | str, out: Path, *more: tuple[str, str]) -> Built:
    given = [
        ("source", "chexpert"),
        ("data.chexpert", str(table)),
        ("image_root", str(root)),
        ("images", "embed"),
    ]
    return build(load_recipe("contextual", [*given, *SETTINGS, *more]), out, Progress(quiet=True))


def place(root: Path, i: int, data: bytes | None = None, suffix: str = ".png") -> Path:
    """Put one study's image: a good PNG, or the bytes given."""
    path = (root / path_of(i).removeprefix("CheXpert-v1.0-small/")).with_suffix(suffix)
    path.parent.mkdir(parents=True, exist_ok=True)
    if data is None:
        Image.fromarray(draw(i)).save(path)
    else:
        path.write_bytes(data)
    return path


def remove(root: Path, i: int) -> Path:
    path = place(root, i)
    path.unlink()
    return path


def read(out: Path) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, Any]]:
    frame = pl.read_parquet(out / "data/contextual_captions/*.parquet")
    return frame, pl.read_parquet(out / "rejects.parquet"), json.loads((out / "manifest.json").read_text())


def test_broken_files_are_named_and_counted_and_nothing_is_lost(tmp_path: Path) -> None:
    table, root = write_table(tmp_path, 40), tmp_path / "xrays"
    for i in range(40):
        place(root, i)
    good = place(root, 0).read_bytes()
    remove(root, 0)
    place(root, 1, b"these are not pixels")
    place(root, 2, b"")
    place(root, 3, header_bomb(40_000, 40_000))
    (tmp_path / "secret.png").write_bytes(good)
    remove(root, 4).symlink_to(tmp_path / "secret.png")
    save(make_dicom(draw(5), NumberOfFrames=3), remove(root, 5).with_suffix(".dcm"))
    save(make_dicom(draw(6), BurnedInAnnotation="YES"), remove(root, 6).with_suffix(".dcm"))
    place(root, 7, good[: len(good) // 2])  # its header is fine: seen when it is decoded
    out = tmp_path / "out"
    built = make(table, root, out, ("images.max_missing", "0.2"))
    frame, rejects, manifest = read(out)
    named = {r["key"]: r["reason"] for r in rejects.to_dicts() if r["stage"] == "images"}
    reasons = {
        0: "not found", 1: "not an image", 2: "zero size", 3: "too large", 4: "outside of the root",
        5: "several frames", 6: "burnt-in text",
    }  # fmt: skip
    wanted = {f"patient{i:05}/study1": f"image left out: {why}" for i, why in reasons.items()}
    wanted["patient00007/study1/view1_frontal"] = "image left out: cut short"
    assert named == wanted
    images = manifest["counts"]["images"]
    assert (images["studies_in"], images["studies_kept"], images["studies_rejected"]) == (40, 33, 7)
    assert images["survey"][0]["missing"] == 2 and images["survey"][0]["unusable"] == 5
    assert manifest["images"]["left_out"] == {"cut short": 1} and manifest["images"]["distinct"] == 33
    null = frame.filter(pl.col("image").struct.field("bytes").is_null())
    assert set(null["patient_id"]) == {"patient00007"} and len(null) == manifest["images"]["missing"]
    assert len(frame) == manifest["images"]["embedded"] + len(null)
    assert not set(frame["patient_id"]) & {f"patient{i:05}" for i in reasons}
    assert manifest["counts"]["rejects"] == dict(sorted(built.rejects["reason"].value_counts().iter_rows()))
    assert not list(tmp_path.glob(".out*"))


def test_a_wrong_root_stops_before_anything_is_made(tmp_path: Path) -> None:
    table = write_table(tmp_path, 6)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="0 of 6 usable") as e:
        make(table, tmp_path / "empty", tmp_path / "out")
    assert "empty" in str(e.value) and "give the one with the images" in str(e.value)
    (tmp_path / "zips").mkdir()
    (tmp_path / "zips/0.zip").write_bytes(b"x")
    with pytest.raises(UserError, match=r"unpack the archives there first \(0.zip\)"):
        make(table, tmp_path / "zips", tmp_path / "out")
    with pytest.raises(UserError, match="no such folder"):
        make(table, tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(UserError, match="image_root"):
        build(
            load_recipe("contextual", [("source", "chexpert"), ("images", "embed")]),
            tmp_path / "o",
            Progress(True),
        )
    assert not (tmp_path / "out").exists()


def test_more_than_the_set_share_stops(tmp_path: Path) -> None:
    table, root = write_table(tmp_path, 20), tmp_path / "xrays"
    for i in range(18):
        place(root, i)
    with pytest.raises(UserError, match="18 of 20 usable") as e:
        make(table, root, tmp_path / "out")
    assert "images.max_missing=0.1" in str(e.value)
    make(table, root, tmp_path / "out", ("images.max_missing", "0.1"))
    with pytest.raises(UserError, match="18 of 20 usable"):
        make(table, root, tmp_path / "named", ("images", "path"))
    for i in range(3):
        place(root, i, place(root, i).read_bytes()[:500])
    with pytest.raises(UserError, match=r"3 of 18 can't be used \(the first: cut short\)"):
        make(table, root, tmp_path / "late", ("images.max_missing", "0.1"))
    assert not list(tmp_path.glob(".late*"))


def test_burnt_in_text_can_be_allowed(tmp_path: Path) -> None:
    table, root = write_table(tmp_path, 3), tmp_path / "xrays"
    for i in range(3):
        save(make_dicom(draw(i), BurnedInAnnotation="YES"), place(root, i, b"", ".dcm"))
    with pytest.raises(UserError, match="burnt-in text 3"):
        make(table, root, tmp_path / "out")
    make(table, root, tmp_path / "out", ("images.burnt_in", "true"))
    assert read(tmp_path / "out")[2]["images"]["embedded"] > 0


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_size_format_and_quality(kind: str, tmp_path: Path) -> None:
    table, root = write_table(tmp_path, 3), tmp_path / "xrays"
    write_radiographs(root, 3)
    more = [("images.max_side", "64"), ("images.format", kind), ("images.quality", "80")]
    make(table, root, tmp_path / "out", *more)
    frame, _, manifest = read(tmp_path / "out")
    image = Image.open(io.BytesIO(frame["image"][0]["bytes"]))
    assert (image.size, image.format) == ((64, 64), kind.upper())
    assert frame["image"][0]["path"].endswith({"png": ".png", "jpeg": ".jpg", "webp": ".webp"}[kind])
    assert manifest["images"]["conversions"]["shrunk"] == 3
    assert manifest["recipe"]["images"]["max_side"] == 64


def test_a_template_finds_ones_own_layout(tmp_path: Path) -> None:
    table, root = write_table(tmp_path, 3), tmp_path / "own"
    for i in range(3):
        save(make_dicom(draw(i)), root / f"PATIENT{i:05}" / "a" / "study1_view1_frontal.dcm")
    template = "{patient}/*/{study}_{image}.dcm"
    make(table, root, tmp_path / "out", ("images.template", template))
    assert read(tmp_path / "out")[2]["images"]["kinds"] == {"DICOM": 3}
    make(table, f"{root}/{template}", tmp_path / "again")
    for name in ("manifest.json", "data/contextual_captions/train-00000-of-00001.parquet"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def wanted_files(tmp_path: Path, n: int) -> list[Wanted]:
    for i in range(n):
        save(make_dicom(draw(i, 32).astype(np.uint16) * 16, bits=12), tmp_path / f"{i}.dcm")
    return [Wanted("own", f"{i}.dcm", f"study/{i}") for i in range(n)]


def test_an_interrupted_conversion_goes_on(tmp_path: Path) -> None:
    wanted = wanted_files(tmp_path, 30)
    store = ImageStore(roots={"own": tmp_path})
    asked: list[int] = []

    def stop(done: int, total: int) -> None:
        asked.append(done)
        if done == 17:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_images(wanted, store.locate, Encoding(), tmp_path / "work", tell=stop)
    kept = sorted((tmp_path / "work").rglob("*"))
    files = [p for p in kept if p.is_file()]
    assert len(files) == 17
    files[0].write_bytes(files[0].read_bytes()[:-3])  # cut by the interruption
    again: list[int] = []
    done = prepare_images(
        wanted, store.locate, Encoding(), tmp_path / "work", tell=lambda d, t: again.append(d)
    )
    assert again[0] == 16 and again[-1] == 30 and len(again) == 15
    fresh = prepare_images(wanted, store.locate, Encoding(), tmp_path / "other")
    assert [done.embed(w.source, w.image) for w in wanted] == [fresh.embed(w.source, w.image) for w in wanted]
    assert done.describe() == fresh.describe()
    other = prepare_images(wanted, store.locate, Encoding("jpeg"), tmp_path / "work")
    assert other.embed("own", "0.dcm") != fresh.embed("own", "0.dcm"), "other settings, other files"


def test_processes_give_the_same_as_one(tmp_path: Path) -> None:
    wanted = wanted_files(tmp_path, 100)
    store = ImageStore(roots={"own": tmp_path})
    one = prepare_images(wanted, store.locate, Encoding(), tmp_path / "one")
    with open_engine("local", 2) as engine:
        two = prepare_images(wanted, store.locate, Encoding(), tmp_path / "two", engine=engine)
    assert one.describe() == two.describe()
    assert [one.embed(w.source, w.image) for w in wanted] == [two.embed(w.source, w.image) for w in wanted]


def test_file_names_are_of_ids_and_each_once() -> None:
    ids = ["p1/s1/v1", "P1/S1/V1", "a b", "a_b", "../../etc/passwd", "", "...", "x" * 300, "DOE^JANE"]
    names = name_images([Wanted("own", f"secret-{i}.png", image_id) for i, image_id in enumerate(ids)], "png")
    assert len({n.lower() for n in names.values()}) == len(ids)
    for name in names.values():
        assert name.startswith("own/") and name.endswith(".png") and "secret" not in name
        assert ".." not in name.split("/") and len(name) < 160 and "^" not in name and " " not in name


def test_the_table_of_a_survey(tmp_path: Path) -> None:
    for i in range(8):
        save(make_dicom(draw(i, 32)), tmp_path / f"{i}.dcm")
    (tmp_path / "3.dcm").write_bytes(b"nothing")
    wanted = [Wanted("own", f"{i}.png", str(i)) for i in range(10)]
    store = ImageStore(roots={"own": tmp_path})
    survey = survey_images(wanted, store)[0]
    assert (survey.images, survey.usable, survey.missing, survey.unreadable) == (10, 7, 2, 1)
    table = "\n".join(draw_table([survey]))
    assert "DICOM 7" in table and "2 not found, e.g. 8.png" in table and "1 not an image, e.g. 3.png" in table
    check_share([survey], store, 0.3)
    with pytest.raises(UserError, match="7 of 10 usable"):
        check_share([survey], store, 0.29)
    unread = survey_images(wanted, store, checked=5)[0]
    assert (unread.usable, unread.checked) == (8, False) and "headers not read" in "\n".join(
        draw_table([unread])
    )


def test_models_see_the_same_pixels_named_or_embedded(tmp_path: Path) -> None:
    """The place from which train, trace, evaluate and vision endpoints take images."""
    from nastdata.evaluation.generative.images import Encoder
    from nastdata.images.thumbnails import draw_thumbnail, make_data_uri
    from nastdata.models.dataset_rows import get_keys, open_data

    table, root = write_table(tmp_path, 4), tmp_path / "xrays"
    deep = {i: draw(i).astype(np.uint16) * 37 + 900 for i in range(4)}
    for i, values in deep.items():
        Image.fromarray(values).save(place(root, i))
    make(table, root, tmp_path / "embedded")
    make(table, root, tmp_path / "named", ("images", "path"))
    embedded = open_data(tmp_path / "embedded")
    named = open_data(tmp_path / "named", {"chexpert": root})
    for name in ("contextual_captions",):
        pairs = zip(get_keys(embedded.frames[name]), get_keys(named.frames[name]), strict=True)
        for a, b in list(dict.fromkeys(pairs)):
            one, two = embedded.store.load(a), named.store.load(b)
            assert one.mode == two.mode == "L" and np.asarray(one).std() > 20
            assert (np.asarray(one) == np.asarray(two)).all() and (np.asarray(one) == 255).mean() < 0.02
            assert draw_thumbnail(embedded.store.open(a)) == make_data_uri(named.store.read(*b) or b"")
            sent = np.asarray(Image.open(io.BytesIO(Encoder(named.store).encode(b)[0])))
            assert (sent == np.asarray(one)).all()
    with pytest.raises(UserError, match="no such image"):
        named.store.load(("chexpert", "no.png"))
    assert isinstance(named.store.locate("chexpert", "no.png"), ImageFile)
