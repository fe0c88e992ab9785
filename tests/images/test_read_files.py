"""Every kind of image file comes out as the right 8-bit picture, or is refused with a reason."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicoms import draw, make_dicom, save
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from radiographs import chunk, header_bomb

from nastdata.images.decoding.picture import REASONS, STEPS, UnusableImageError
from nastdata.images.decoding.raster import check_raster
from nastdata.images.decoding.reader import check_header, read_picture

RADIOGRAPH = draw()
DEEP = RADIOGRAPH.astype(np.uint16) * 16 + 90
LZW = {"compression": "tiff_lzw"}
COLOUR = np.stack([RADIOGRAPH, RADIOGRAPH // 2, 255 - RADIOGRAPH], axis=-1)


def save_as(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)  # type: ignore[arg-type]
    return out.getvalue()


def make_png(values: np.ndarray, colour: int) -> bytes:
    """A 16-bit PNG of any colour type, which Pillow does not write."""
    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def spread(values: np.ndarray) -> np.ndarray:
    """The rule for 16 bit, written anew."""
    low, high = np.percentile(values, [0.5, 99.5], method="inverted_cdf")
    return np.rint(np.clip((values.astype(float) - low) / (high - low), 0, 1) * 255)


def near(a: np.ndarray, b: np.ndarray, most: int = 1) -> bool:
    return a.shape == b.shape and int(np.abs(a.astype(int) - b.astype(int)).max()) <= most


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("WEBP", {"lossless": True}),
        ("BMP", {}),
    ],
)
def test_8_bit_files_are_left_as_they_are(kind: str, options: dict[str, object]) -> None:
    grey = read_picture(save_as(Image.fromarray(RADIOGRAPH), kind, **options))
    assert (grey.pixels == RADIOGRAPH).all() and set(grey.steps) <= {"grey", "palette"}
    colour = read_picture(save_as(Image.fromarray(COLOUR), kind, **options))
    assert (colour.pixels == COLOUR).all() and colour.steps == ()


def test_jpeg_is_decoded_as_pillow_does() -> None:
    data = save_as(Image.fromarray(RADIOGRAPH), "JPEG", quality=90)
    assert (read_picture(data).pixels == np.asarray(Image.open(io.BytesIO(data)))).all()
    cmyk = save_as(Image.fromarray(COLOUR).convert("CMYK"), "JPEG")
    assert read_picture(cmyk).pixels.shape == COLOUR.shape and "colour space" in read_picture(cmyk).steps


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_is_spread(kind: str) -> None:
    picture = read_picture(save_as(Image.fromarray(DEEP), kind))
    assert near(picture.pixels, spread(DEEP)) and picture.steps == ("percentiles",) and picture.bits == 16
    assert (picture.pixels == 255).mean() < 0.02


def test_signed_and_float_tiff() -> None:
    for values in (DEEP.astype(np.int32) - 3000, DEEP.astype(np.float32) / 7):
        picture = read_picture(save_as(Image.fromarray(values), "TIFF"))
        assert near(picture.pixels, spread(values)) and picture.bits == 32


def test_white_is_zero() -> None:
    for values, wanted in ((RADIOGRAPH, 255 - RADIOGRAPH), (DEEP, 255 - spread(DEEP))):
        data = save_as(Image.fromarray(values), "TIFF")
        entry = struct.pack("<HHI", 262, 3, 1)
        assert data.count(entry + b"\1\0") == 1
        picture = read_picture(data.replace(entry + b"\1\0", entry + b"\0\0"))
        assert near(picture.pixels, wanted)


def test_16_bit_grey_with_alpha() -> None:
    opaque = np.stack([DEEP, np.full_like(DEEP, 65535)], axis=-1)
    picture = read_picture(make_png(opaque, 4))
    assert near(picture.pixels, spread(DEEP)) and picture.steps == ("alpha", "percentiles")
    hidden = opaque.copy()
    hidden[:30, :, 1] = 0
    picture = read_picture(make_png(hidden, 4))
    assert (picture.pixels[:30] == 0).all() and near(picture.pixels[30:], spread(DEEP[30:]))


def test_16_bit_colour() -> None:
    whole = np.stack([RADIOGRAPH.astype(np.uint16) * 257] * 2 + [np.zeros_like(DEEP)], axis=-1)
    picture = read_picture(make_png(whole, 2))
    assert near(picture.pixels[..., 0], RADIOGRAPH) and picture.steps == ("upper bits",)
    small = np.stack([RADIOGRAPH.astype(np.uint16)] * 3, axis=-1)
    with pytest.raises(UnusableImageError, match="save it as grey"):
        read_picture(make_png(small, 2))


def test_palette_alpha_and_equal_channels() -> None:
    palette = Image.fromarray(COLOUR).quantize(16)
    picture = read_picture(save_as(palette, "PNG"))
    assert (picture.pixels == np.asarray(palette.convert("RGB"))).all() and picture.steps == ("palette",)
    alpha = np.full_like(RADIOGRAPH, 255)
    alpha[:, :50] = 0
    for layers in ([RADIOGRAPH, alpha], [RADIOGRAPH] * 3 + [alpha]):
        picture = read_picture(save_as(Image.fromarray(np.stack(layers, axis=-1)), "PNG"))
        assert (picture.pixels[:, :50] == 0).all() and (picture.pixels[:, 50:] == RADIOGRAPH[:, 50:]).all()
        assert "alpha" in picture.steps
    grey = read_picture(save_as(Image.fromarray(np.stack([RADIOGRAPH] * 3, axis=-1)), "PNG"))
    assert (grey.pixels == RADIOGRAPH).all() and grey.steps == ("grey",)
    assert (
        read_picture(save_as(Image.fromarray(RADIOGRAPH > 99), "PNG")).pixels == (RADIOGRAPH > 99) * 255
    ).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation(orientation: int) -> None:
    """What a viewer shows, by Pillow's own function."""
    from PIL import ImageOps

    image = Image.fromarray(RADIOGRAPH[:100])
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = save_as(image, "PNG", exif=exif)
    wanted = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    picture = read_picture(data)
    assert (picture.pixels == np.asarray(wanted)).all()
    assert picture.steps == (() if orientation == 1 else ("rotated",))
    assert check_header(data).plain == (orientation == 1)


SAME = [
    ("RG1_UNCR", "RG1_J2KR", 0),
    ("RG1_UNCI", "RG1_J2KI", 3),
    ("RG3_UNCR", "RG3_J2KR", 0),
    ("RG3_UNCI", "RG3_J2KI", 3),
    ("MR2_UNCR", "MR2_J2KR", 0),
    ("693_UNCR", "693_J2KR", 0),
    ("US1_UNCR", "US1_J2KR", 1),
    ("OBXXXX1A", "OBXXXX1A_rle", 0),
    ("OBXXXX1A", "OBXXXX1A_expb", 0),
]


@pytest.mark.parametrize(("one", "other", "most"), SAME)
def test_the_same_picture_from_every_syntax(one: str, other: str, most: int, real_dicom: Path) -> None:
    a, b = (read_picture(real_dicom / f"{name}.dcm") for name in (one, other))
    assert near(a.pixels, b.pixels, most) and a.pixels.std() > 5


SMALL = ("MR_small", "MR_small_RLE", "MR_small_jp2klossless", "MR_small_jpeg_ls_lossless")
SMALL += ("MR_small_bigendian", "MR_small_implicit")


@pytest.mark.parametrize("name", SMALL)
def test_the_small_scan_in_six_syntaxes(name: str, pydicom_files: Path) -> None:
    wanted = read_picture(pydicom_files / "MR_small.dcm").pixels
    assert (read_picture(pydicom_files / f"{name}.dcm").pixels == wanted).all()


def test_real_files_come_out_or_have_a_reason(real_dicom: Path, pydicom_files: Path) -> None:
    files = [p for folder in (real_dicom, pydicom_files) for p in sorted(folder.glob("*.dcm"))]
    good, reasons = 0, set()
    for path in files:
        if path.stat().st_size > 1_500_000:
            continue
        try:
            picture = read_picture(path)
            assert set(picture.steps) <= set(STEPS)
            assert picture.pixels.dtype == np.uint8 and picture.pixels.ndim in (2, 3)
            good += 1
        except UnusableImageError as e:
            reasons.add(e.reason)
    assert good >= 80 and {"several frames", "cut short", "not a picture", "not supported"} <= reasons


@pytest.mark.parametrize("syntax", ["JPEG2000Lossless", "JPEGLSLossless", "RLELossless"])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_compressed_radiographs(syntax: str, bits: int) -> None:
    top = (1 << bits) - 1
    stored = np.rint(RADIOGRAPH / 255 * top).astype(np.uint8 if bits == 8 else np.uint16)
    ds = make_dicom(top - stored, bits=bits, photometric="MONOCHROME1",
                    WindowCenter=(top + 1) / 2, WindowWidth=top + 1)  # fmt: skip
    try:
        ds.compress(getattr(pydicom.uid, syntax), generate_instance_uid=False)
    except (RuntimeError, NotImplementedError) as e:
        pytest.skip(f"no encoder here ({e})")
    out = io.BytesIO()
    pydicom.dcmwrite(out, ds, enforce_file_format=True)
    assert near(read_picture(out.getvalue()).pixels, RADIOGRAPH)


def to_bytes(ds: pydicom.Dataset) -> bytes:
    out = io.BytesIO()
    pydicom.dcmwrite(out, ds, enforce_file_format=True)
    return out.getvalue()


def resize(rows: object, columns: object) -> bytes:
    return to_bytes(make_dicom(RADIOGRAPH, Rows=rows, Columns=columns))


def many(kind: str) -> bytes:
    image = Image.fromarray(RADIOGRAPH)
    return save_as(image, kind, save_all=True, append_images=[Image.fromarray(255 - RADIOGRAPH)])


BROKEN = {
    "empty": (b"", "zero size"),
    "text.png": (b"these are not pixels\n", "not an image"),
    "html.png": (b"<!doctype html><html>404</html>", "not an image"),
    "rubbish.png": (b"\x00\x01\x02" * 300, "not an image"),
    "cut.png": (save_as(Image.fromarray(DEEP), "PNG")[:3000], "cut short"),
    "cut.jpg": (save_as(Image.fromarray(RADIOGRAPH), "JPEG")[:2000], "cut short"),
    "magic.png": (b"\x89PNG\r\n\x1a\n", "damaged"),
    "bomb.png": (header_bomb(40_000, 40_000), "too large"),
    "flat.png": (header_bomb(0, 10), "damaged"),
    "pages.tif": (many("TIFF"), "several frames"),
    "moves.webp": (many("WEBP"), "several frames"),
    "moves.png": (many("PNG"), "several frames"),
    "cut.dcm": (to_bytes(make_dicom(DEEP, bits=12))[:-5000], "cut short"),
    "bomb.dcm": (resize(40_000, 40_000), "too large"),
    "zero.dcm": (resize(0, 128), "zero size"),
    "none.dcm": (resize(None, 128), "damaged"),
    "frames.dcm": (to_bytes(make_dicom(RADIOGRAPH, NumberOfFrames=4)), "several frames"),
    "head.dcm": (b"\0" * 128 + b"DICM", "damaged"),
    "scan.nii": (b"\0" * 344 + b"n+1\0" + b"\0" * 100, "a volume"),
    "scan.nii.gz": (b"\x1f\x8b" + b"\0" * 50, "a volume"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_have_a_reason(name: str, tmp_path: Path) -> None:
    data, reason = BROKEN[name]
    path = tmp_path / name
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UnusableImageError) as e:
            read_picture(path)
    assert e.value.reason == reason, e.value
    assert e.value.reason in REASONS


def test_a_compressed_stream_of_another_size_is_not_decoded(pydicom_files: Path) -> None:
    data = (pydicom_files / "JPEG2000.dcm").read_bytes()
    at = data.index(b"\xff\x4f\xff\x51") + 8
    huge = data[:at] + struct.pack(">2I", 60_000, 60_000) + data[at + 8 :]
    with pytest.raises(UnusableImageError, match="too large"):
        read_picture(huge)
    other = data[:at] + struct.pack(">2I", 300, 300) + data[at + 8 :]
    with pytest.raises(UnusableImageError, match="in the header"):
        read_picture(other)


def test_messages_quote_nothing_from_a_header(tmp_path: Path) -> None:
    ds = make_dicom(DEEP, bits=12, planted=True)
    data = to_bytes(ds)
    rng = np.random.default_rng(0)
    for _ in range(150):
        broken = bytearray(data[: rng.integers(200, len(data))])
        for at in rng.integers(132, len(broken), 12):
            broken[at] = rng.integers(0, 256)
        try:
            read_picture(bytes(broken))
        except UnusableImageError as e:
            assert "QXPLANT" not in str(e)


MAGIC = (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"RIFF1234WEBP", b"BM", b"GIF89a", b"P5 ")
MAGIC += (b"\0" * 128 + b"DICM", b"\x08\x00\x05\x00")


@given(st.binary(max_size=400), st.sampled_from(MAGIC))
@settings(max_examples=400, deadline=None)
def test_any_bytes_end_in_a_picture_or_a_reason(data: bytes, magic: bytes) -> None:
    try:
        assert read_picture(magic + data).pixels.dtype == np.uint8
    except UnusableImageError:
        pass


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 255)), max_size=12), st.integers(0, 5))
@settings(max_examples=150, deadline=None)
def test_damaged_files_end_in_a_picture_or_a_reason(changes: list[tuple[int, int]], which: int) -> None:
    data = bytearray(INTACT[which])
    for at, value in changes:
        data[at % len(data)] = value
    try:
        read_picture(bytes(data))
    except UnusableImageError:
        pass


INTACT = [
    save_as(Image.fromarray(DEEP[:40]), "PNG"),
    save_as(Image.fromarray(COLOUR[:40]), "JPEG"),
    save_as(Image.fromarray(DEEP[:40]), "TIFF"),
    save_as(Image.fromarray(COLOUR[:40]), "WEBP"),
    to_bytes(make_dicom(DEEP[:40], bits=12, WindowCenter=2000, WindowWidth=4000)),
    make_png(np.stack([DEEP[:40], DEEP[:40]], axis=-1), 4),
]


def test_headers_tell_the_same_as_pixels(tmp_path: Path) -> None:
    for data in INTACT:
        header, picture = check_header(data), read_picture(data)
        assert (header.kind, header.bits) == (picture.kind, picture.bits)
    flagged = make_dicom(RADIOGRAPH, BurnedInAnnotation="YES")
    path = save(flagged, tmp_path / "burnt.dcm")
    assert check_header(path).burnt_in and read_picture(path).burnt_in
    assert not check_header(save(make_dicom(RADIOGRAPH, BurnedInAnnotation="NO"), path)).burnt_in


def test_a_header_check_reads_little() -> None:
    class Counting(io.BytesIO):
        taken = 0

        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            self.taken += len(data)
            return data

    big = save_as(Image.fromarray(np.tile(COLOUR, (8, 8, 1))), "JPEG", quality=95)
    stream = Counting(big)
    assert check_raster(stream, big[:352], "JPEG").plain
    assert stream.taken < len(big) / 4
