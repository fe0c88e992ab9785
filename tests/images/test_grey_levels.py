"""The one rule that makes 8 bits: window, lookup table or percentiles; inversion; padding."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicoms import draw, make_dicom, make_lut
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

from nastdata.images.decoding.dicom import read_dicom
from nastdata.images.decoding.grey_levels import Display, make_window, to_grey
from nastdata.images.decoding.picture import Picture

RADIOGRAPH = draw()
WHOLE = {"WindowCenter": 2048, "WindowWidth": 4096}


def read(ds: pydicom.Dataset) -> Picture:
    out = io.BytesIO()
    pydicom.dcmwrite(out, ds, enforce_file_format=True)
    return read_dicom(out.getvalue())


def differs(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b.astype(int)).max())


def test_eight_bits_stay() -> None:
    picture = read(make_dicom(RADIOGRAPH))
    assert (picture.pixels == RADIOGRAPH).all() and picture.steps == ()
    inverted = read(make_dicom(255 - RADIOGRAPH, photometric="MONOCHROME1"))
    assert (inverted.pixels == RADIOGRAPH).all() and inverted.steps == ("inverted",)


@pytest.mark.parametrize("bits", [10, 12, 14, 15, 16])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_window_over_the_whole_range_gives_the_picture_back(bits: int, photometric: str) -> None:
    top = (1 << bits) - 1
    stored = np.rint(RADIOGRAPH / 255 * top).astype(np.uint16)
    if photometric == "MONOCHROME1":
        stored = top - stored
    window = {"WindowCenter": (top + 1) / 2, "WindowWidth": top + 1}
    picture = read(make_dicom(stored, bits=bits, photometric=photometric, **window))
    assert differs(picture.pixels, RADIOGRAPH) <= 1
    assert picture.steps == (("window", "inverted") if photometric == "MONOCHROME1" else ("window",))


def test_a_window_shows_a_part_of_the_range() -> None:
    stored = RADIOGRAPH.astype(np.uint16) + 1000
    picture = read(make_dicom(stored, bits=12, WindowCenter=1100.5, WindowWidth=101))
    wanted = np.clip((RADIOGRAPH.astype(float) - 50) / 100, 0, 1) * 255
    assert differs(picture.pixels, np.rint(wanted)) <= 1


def test_the_first_of_several_windows_is_used() -> None:
    stored = RADIOGRAPH.astype(np.uint16) * 16
    several = read(make_dicom(stored, bits=12, WindowCenter=[2048, 600], WindowWidth=[4096, 50]))
    assert (several.pixels == read(make_dicom(stored, bits=12, **WHOLE)).pixels).all()


@pytest.mark.parametrize(
    "window",
    [
        {"WindowCenter": 2048, "WindowWidth": 0},
        {"WindowCenter": 2048},
        {"WindowWidth": 4096},
        {"WindowCenter": 2048, "WindowWidth": -5},
        {"WindowCenter": 2048, "WindowWidth": 4096, "VOILUTFunction": "NONSENSE"},
    ],
)
def test_a_window_that_is_none_is_left_and_counted(window: dict[str, object]) -> None:
    picture = read(make_dicom(RADIOGRAPH.astype(np.uint16) * 16, bits=12, **window))
    assert picture.steps == ("window not usable", "percentiles")
    assert 0 < picture.pixels.mean() < 255


def test_a_window_beside_all_values_is_not_believed() -> None:
    picture = read(make_dicom(RADIOGRAPH.astype(np.uint16) * 16, bits=12, WindowCenter=60000, WindowWidth=10))
    assert picture.steps == ("window too narrow", "percentiles") and picture.pixels.std() > 20


def test_without_a_window_the_middle_99_per_cent_is_spread() -> None:
    stored = RADIOGRAPH.astype(np.uint16) * 4 + 300
    stored[0, :5] = 4095  # a marker, or a dead pixel
    picture = read(make_dicom(stored, bits=12))
    low, high = np.percentile(stored, [0.5, 99.5], method="inverted_cdf")
    wanted = np.rint(np.clip((stored.astype(float) - low) / (high - low), 0, 1) * 255)
    assert differs(picture.pixels, wanted) <= 1 and picture.steps == ("percentiles",)
    assert (picture.pixels == 255).mean() < 0.02 and (picture.pixels == 0).mean() < 0.2


@pytest.mark.parametrize(("slope", "intercept"), [(2, -1024), (-1, 4095), (0.5, 10)])
def test_rescaling_comes_before_the_window(slope: float, intercept: float) -> None:
    stored = RADIOGRAPH.astype(np.uint16) * 16
    ends = sorted([intercept, 4095 * slope + intercept])
    window = {"WindowCenter": (ends[0] + ends[1] + 1) / 2, "WindowWidth": ends[1] - ends[0] + 1}
    ds = make_dicom(stored, bits=12, RescaleSlope=slope, RescaleIntercept=intercept, **window)
    picture = read(ds)
    wanted = 255 - RADIOGRAPH if slope < 0 else RADIOGRAPH
    assert differs(picture.pixels, wanted) <= 1 and picture.steps == ("modality", "window")


def test_signed_values() -> None:
    stored = RADIOGRAPH.astype(np.int16) * 8 - 1000
    picture = read(make_dicom(stored, bits=16, WindowCenter=20.5, WindowWidth=2041))
    assert differs(picture.pixels, RADIOGRAPH) <= 1
    window = {"WindowCenter": 20.5, "WindowWidth": 2041}
    narrow = read(make_dicom(stored & 0x0FFF, bits=12, PixelRepresentation=1, **window))
    assert differs(narrow.pixels, RADIOGRAPH) <= 1, "the sign is in bit 11"


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_a_voi_table(bits: int) -> None:
    stored = RADIOGRAPH.astype(np.uint16) + 100
    curve = np.rint(np.linspace(0, 1, 256) ** 0.5 * ((1 << bits) - 1)).astype(int)
    ds = make_dicom(stored, bits=12, VOILUTSequence=[make_lut(curve, 100, bits)], **WHOLE)
    picture = read(ds)
    wanted = np.rint((RADIOGRAPH / 255) ** 0.5 * 255)
    assert differs(picture.pixels, wanted) <= 1 and picture.steps == ("VOI LUT",), "before a window"


def test_a_voi_table_said_to_be_deeper_than_it_is() -> None:
    curve = np.arange(256) * 16
    ds = make_dicom(RADIOGRAPH.astype(np.uint16), bits=12, VOILUTSequence=[make_lut(curve, 0, 16)])
    assert differs(read(ds).pixels, RADIOGRAPH) <= 1


def test_a_modality_table() -> None:
    stored = RADIOGRAPH.astype(np.uint16)
    table = (np.arange(256) * 16)[::-1]
    ds = make_dicom(stored, bits=12, ModalityLUTSequence=[make_lut(table, 0, 12)], **WHOLE)
    picture = read(ds)
    assert differs(picture.pixels, 255 - RADIOGRAPH) <= 1 and picture.steps == ("modality", "window")


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_does_not_count(photometric: str) -> None:
    stored = RADIOGRAPH.astype(np.uint16) * 4 + 100
    stored[:40] = 60000
    picture = read(make_dicom(stored, photometric=photometric, PixelPaddingValue=60000))
    assert (picture.pixels[:40] == 0).all() and "padding" in picture.steps
    assert picture.pixels[40:].std() > 40
    area = read(
        make_dicom(stored, photometric=photometric, PixelPaddingValue=60010, PixelPaddingRangeLimit=50000)
    )
    assert (area.pixels == picture.pixels).all()


def test_what_lies_in_unused_bits_is_not_shown() -> None:
    stored = (RADIOGRAPH.astype(np.uint16) * 16) | 0x8000
    picture = read(make_dicom(stored, bits=12, **WHOLE))
    assert differs(picture.pixels, RADIOGRAPH) <= 1
    high = read(make_dicom((RADIOGRAPH.astype(np.uint16) * 16) << 4, bits=12, HighBit=15, **WHOLE))
    assert differs(high.pixels, RADIOGRAPH) <= 1, "values in the upper bits of the word"


def test_one_level_is_black() -> None:
    for photometric in ("MONOCHROME1", "MONOCHROME2"):
        picture = read(make_dicom(np.full((20, 20), 900, np.uint16), bits=12, photometric=photometric))
        assert (picture.pixels == 0).all() and "one level" in picture.steps


REAL = ("RG1_UNCR", "RG3_UNCR", "MR2_UNCR", "693_UNCR")


@pytest.mark.parametrize("name", REAL)
def test_it_agrees_with_pydicom(name: str, real_dicom: Path) -> None:
    """The library's own functions as an independent judge of window and rescale."""
    path = real_dicom / f"{name}.dcm"
    ds = pydicom.dcmread(path)
    shown = apply_voi_lut(apply_modality_lut(ds.pixel_array, ds), ds).astype(float)
    signed = ds.PixelRepresentation == 1
    low, high = (
        (-(1 << (ds.BitsStored - 1)), (1 << (ds.BitsStored - 1)) - 1)
        if signed
        else (0, (1 << ds.BitsStored) - 1)
    )
    ends = [v * float(ds.get("RescaleSlope", 1)) + float(ds.get("RescaleIntercept", 0)) for v in (low, high)]
    wanted = np.rint((shown - ends[0]) / (ends[1] - ends[0]) * 255)
    if ds.PhotometricInterpretation == "MONOCHROME1":
        wanted = 255 - wanted
    picture = read_dicom(path.read_bytes())
    seen = ds.pixel_array != ds.get("PixelPaddingValue", -99999)
    assert differs(picture.pixels[seen], wanted[seen]) <= 1


@given(
    st.lists(st.integers(-40000, 40000), min_size=4, max_size=60),
    st.floats(-5000, 5000),
    st.floats(1, 9000),
    st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
)
@settings(max_examples=120, deadline=None)
def test_brighter_values_are_never_darker(
    values: list[int], center: float, width: float, function: str
) -> None:
    stored = np.array([values])
    pixels, _ = to_grey(stored, Display(voi=make_window(center, width, function)))
    order = np.argsort(stored[0], kind="stable")
    assert (np.diff(pixels[0][order].astype(int)) >= 0).all()
    turned, steps = to_grey(stored, Display(voi=make_window(center, width, function), invert=True))
    assert steps[-1] in ("inverted", "one level")
    if "one level" not in steps:
        assert (turned == 255 - pixels).all()


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=1, max_size=50))
@settings(max_examples=120, deadline=None)
def test_any_floats_have_levels(values: list[float]) -> None:
    pixels, steps = to_grey(np.array([values], dtype=np.float32), Display())
    assert pixels.dtype == np.uint8 and pixels.shape == (1, len(values)) and steps
