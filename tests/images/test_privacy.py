"""Twenty names planted in a header are nowhere in the dataset, its exports, its report, its logs."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from dicoms import MARK, PLANTED, draw, make_dicom
from PIL import Image, PngImagePlugin
from radiographs import QUIET, STUDIES, write_radiographs, write_table

import nastdata
from nastdata.checks.images.names import Names, read_names
from nastdata.checks.run import validate_folder
from nastdata.cli import cli
from nastdata.images.encode import Encoding, encode
from nastdata.images.header_texts import list_header_texts
from nastdata.images.scan import find_metadata
from nastdata.images.store import ImageStore


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A dataset, its exports and all that was said, by the command line."""
    place = tmp_path_factory.mktemp("headers")
    work = place / "work"
    (work / "cache").mkdir(parents=True)
    table, right = write_table(place), write_radiographs(place / "xrays")
    said = b""

    def call(*args: str) -> None:
        nonlocal said
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(work)
            patch.setenv("XDG_CACHE_HOME", str(work / "cache"))
            done = CliRunner().invoke(cli, args, catch_exceptions=False)
        said += done.output.encode()
        assert done.exit_code == 0, done.output

    source = ("--source", "chexpert", "--data", str(table))
    root, roots = f"image_root={place / 'xrays'}", f"chexpert={place / 'xrays'}"
    build = ("build", "contextual", *source, "--set", root, *QUIET)
    call(*build, "--set", "images=embed", "--out", "embedded")
    call(*build, "--out", "named")
    for to, out in (("openclip", "csv"), ("webdataset", "tars")):
        call("export", "named", "--format", to, "--split", "all", "--out", out, "--image-root", roots)
        call("export", "embedded", "--format", to, "--split", "all", "--out", f"{out}2")
    call("report", "named", "--images", roots)
    call("images", str(place / "xrays"), "--out", "sheet.html")
    yield {"work": work, "xrays": place / "xrays", "right": right, "said": said, "table": table}


def every_byte(folder: Path) -> dict[str, bytes]:
    """All files, with what parquet and tar hold inside unpacked."""
    out: dict[str, bytes] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        data = path.read_bytes()
        out[str(path)] = data + str(path.relative_to(folder)).encode()
        if path.suffix == ".parquet":
            out[f"{path}!"] = str(pl.read_parquet(path).to_dicts()).encode()
            frame = pl.read_parquet(path)
            if "image" in frame.columns and isinstance(frame.schema["image"], pl.Struct):
                out[f"{path}!!"] = b"".join(r["bytes"] for r in frame["image"] if r)
    return out


def test_no_planted_byte_is_anywhere(built: dict[str, Any]) -> None:
    assert len(PLANTED) >= 20
    files = every_byte(built["work"])
    assert len(files) > 20 and any(n.endswith("!!") for n in files)
    wide = MARK.decode().encode("utf-16-le")
    for name, data in files.items():
        assert MARK not in data and wide not in data and MARK.lower() not in data.lower(), name
    assert MARK not in built["said"] and b"converted to PNG" in built["said"]


def test_the_pictures_are_right(built: dict[str, Any]) -> None:
    frame = pl.read_parquet(built["work"] / "embedded/data/contextual_captions/*.parquet")
    seen = set()
    for row in frame.select("patient_id", "image").unique("patient_id").to_dicts():
        i = int(row["patient_id"].removeprefix("patient"))
        pixels = np.asarray(Image.open(io.BytesIO(row["image"]["bytes"])))
        assert np.abs(pixels.astype(int) - built["right"][i]).max() <= 1
        assert row["image"]["path"] == f"chexpert/patient{i:05}/study1/view1_frontal.png"
        seen.add(i)
    assert seen == set(range(STUDIES))


def test_the_manifest_counts_kinds_and_conversions(built: dict[str, Any]) -> None:
    images = json.loads((built["work"] / "embedded/manifest.json").read_text())["images"]
    assert images["distinct"] == STUDIES and images["kinds"] == {"DICOM": STUDIES}
    assert images["bits"] == {"12": STUDIES} and images["missing"] == 0 and images["left_out"] == {}
    assert images["conversions"] == {"window": STUDIES, "inverted": STUDIES // 2}
    assert images["libraries"]["pydicom"] and images["encoding"]["format"] == "png"


def test_exports_hold_the_right_pictures(built: dict[str, Any]) -> None:
    for out in ("csv", "csv2"):
        files = sorted((built["work"] / out / "images").rglob("*.png"))
        assert len(files) == STUDIES
        for path in files:
            i = int(path.parts[-3].removeprefix("patient"))
            assert np.abs(np.asarray(Image.open(path)).astype(int) - built["right"][i]).max() <= 1
            assert find_metadata(path.read_bytes()) == []
    for out in ("tars", "tars2"):
        with tarfile.open(built["work"] / out / "train-000000.tar") as tar:
            jpegs = [tar.extractfile(m).read() for m in tar if m.name.endswith(".jpg")]  # type: ignore[union-attr]
        assert jpegs and all(find_metadata(j) == [] for j in jpegs)
        assert all(Image.open(io.BytesIO(j)).mode == "L" for j in jpegs)


def test_validate_passes_and_reads_the_headers(built: dict[str, Any]) -> None:
    report = validate_folder(
        built["work"] / "embedded", audit=False, expectations=False, image_roots={"chexpert": built["xrays"]}
    )
    verdicts = {(v.rule, v.config): v for v in report.verdicts}
    assert verdicts["images", "contextual_captions"].outcome == "passed"
    assert verdicts["images", "contextual_captions"].checked == STUDIES
    assert verdicts["names", None].outcome == "passed" and verdicts["names", None].checked == STUDIES
    assert report.passed


def with_text(data: bytes) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Patient", "Jane Doe")
    return resave(data, "PNG", pnginfo=info)


def with_exif(data: bytes) -> bytes:
    exif = Image.Exif()
    exif[0x013B] = "QXPLANT^NAMEA"
    return resave(data, "JPEG", exif=exif)


def resave(data: bytes, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(data)).save(out, kind, **options)  # type: ignore[arg-type]
    return out.getvalue()


SPOILED = {
    "text chunk": with_text,
    "exif": with_exif,
    "comment": lambda d: resave(d, "JPEG", comment=b"QXPLANT^NAMEA"),
    "after the end": lambda d: d + b"QXPLANT^NAMEA",
    "after a JPEG's end": lambda d: resave(d, "JPEG") + b"QXPLANT^NAMEA",
    "webp with xmp": lambda d: resave(d, "WEBP", xmp=b"<x>QXPLANT^NAMEA</x>"),
    "icc": lambda d: resave(d, "PNG", icc_profile=b"QXPLANT^NAMEA" * 20),
    "tiff": lambda d: resave(d, "TIFF"),
    "dicom": lambda d: b"\0" * 128 + b"DICM" + b"\x02\0\0\0UL\x04\0\0\0\0\0" + d,
    "no image": lambda d: b"QXPLANT^NAMEA",
    "cut": lambda d: d[: len(d) // 2],
}


@pytest.mark.parametrize("how", SPOILED)
def test_validate_fails_on_a_spoiled_image(how: str, built: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "spoiled"
    shutil.copytree(built["work"] / "embedded", folder)
    path = next((folder / "data/contextual_captions").glob("train-*.parquet"))
    frame = pl.read_parquet(path)
    rows = frame.to_dicts()
    rows[0]["image"]["bytes"] = SPOILED[how](rows[0]["image"]["bytes"])
    pl.DataFrame(rows, schema=frame.schema, orient="row").write_parquet(path)
    report = validate_folder(folder, audit=False, expectations=False)
    assert "images" in report.failed_rules
    assert len(report.failures.filter(pl.col("rule") == "images")) >= 1


def test_validate_fails_on_a_name_in_a_text_or_file_name(built: dict[str, Any], tmp_path: Path) -> None:
    roots = {"chexpert": built["xrays"]}
    folder = tmp_path / "spoiled"
    shutil.copytree(built["work"] / "embedded", folder)
    (folder / "README.md").write_text("made of Qxplant Doctor's images, at qxplant-555-0199")
    report = validate_folder(folder, audit=False, expectations=False, image_roots=roots)
    assert "names" in report.failed_rules
    assert "names" not in validate_folder(folder, audit=False, expectations=False).failed_rules
    path = next((folder / "data/contextual_captions").glob("train-*.parquet"))
    frame = pl.read_parquet(path)
    rows = frame.to_dicts()
    rows[0]["image"]["path"] = "chexpert/QXPLANT^DOCTOR.png"
    pl.DataFrame(rows, schema=frame.schema, orient="row").write_parquet(path)
    report = validate_folder(folder, audit=False, expectations=False, image_roots=roots)
    assert {"images", "names"} <= set(report.failed_rules)


JOINED = (
    "Planterton_Zed_000",
    "x/zed-planterton-3.png",
    "12__PLANTERTON^ZED",
    "planterton/zed/000.dcm",
    "a_Zed.Alois_Planterton",
    "Alois+Planterton",
    "_planterton, zed_",
)
APART = (
    "plantertonzed",
    "planterton_zedekiah",
    "implanterton zed",
    "planterton\nzed",
    "planterton_000",
    "zed",
)


def test_names_are_found_whatever_joins_their_parts(tmp_path: Path) -> None:
    path = tmp_path / "x.dcm"
    make_dicom(draw(), PatientName="Planterton^Zed^Alois^Dr").save_as(path, enforce_file_format=True)
    names = read_names({"own": tmp_path}, set())
    assert names.headers == 1
    assert [t for t in JOINED if not names.find(t, single=False)] == []
    assert [t for t in APART if names.find(t, single=False)] == []
    accents = Names()
    accents.add(["M\u00fcller^Zo\u00eb"])
    assert accents.find("mu\u0308ller_zoe\u0308_1.png", single=False)


def test_header_texts_are_listed(built: dict[str, Any]) -> None:
    path = next(built["xrays"].rglob("*.dcm"))
    texts = list_header_texts(path)
    assert {"QXPLANT^NAMEA", "NAMEA QXPLANT", "QXPLANT HOSPITAL", "QXPLANTACC", "QXPLANT STREET 5"} <= texts


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_what_we_write_is_pixels_alone(kind: Any) -> None:
    for pixels in (draw(), np.stack([draw(1), draw(2), draw(3)], axis=-1)):
        assert find_metadata(encode(pixels, Encoding(kind))) == []
    assert find_metadata(b"BM rubbish") != [] and find_metadata(b"") != []


def test_one_image_is_the_same_everywhere(built: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Named files, embedded images, exports, ``load``, and a model's preprocessing: the same pixels."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    work = built["work"]
    named = pl.read_parquet(work / "named/data/contextual_captions/*.parquet").row(0, named=True)
    patient = named["patient_id"]
    store = ImageStore(roots={"chexpert": built["xrays"]})
    wanted = np.asarray(store.load(("chexpert", named["image"])))
    loaded = nastdata.load(work / "embedded", "contextual_captions")
    row = next(r for split in loaded.values() for r in split if r["patient_id"] == patient)
    assert (np.asarray(row["image"]) == wanted).all()
    exported = np.asarray(Image.open(work / f"csv/images/chexpert/{patient}/study1/view1_frontal.png"))
    assert (exported == wanted).all()
    attached = nastdata.attach_images(pl.DataFrame([named]), {"chexpert": built["xrays"]})
    assert (np.asarray(nastdata.open_image(attached.rows["image_path"][0])) == wanted).all()
