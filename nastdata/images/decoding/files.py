"""What a file is, by its first bytes; the name counts for nothing."""

from __future__ import annotations

from pathlib import Path

from nastdata.images.decoding.picture import UnusableImageError

MAX_BYTES = 1 << 30
"""Of one file."""
MAX_PIXELS = 100_000_000
"""Of one image; the largest detectors have some 25 million."""
EXTENSIONS = ("png", "jpg", "jpeg", "dcm", "dicom", "tif", "tiff", "webp", "bmp", "jp2", "gif", "pgm", "ppm")
"""Names under which images are looked for, in the order of preference."""
VOLUMES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".hdr", ".mgz")
MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (128, b"DICM", "DICOM"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (8, b"WEBP", "WebP"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"BM", "BMP"),
    (0, b"GIF8", "GIF"),
    (0, b"P5", "PNM"),
    (0, b"P6", "PNM"),
    # DICOM without its preamble: the first element is of group 2 or 8
    (0, b"\x08\x00", "DICOM"),
    (0, b"\x02\x00\x00\x00", "DICOM"),
)
"""(offset, bytes, kind)."""
NIFTI = ((344, b"n+1\0"), (344, b"ni1\0"), (4, b"n+2\0\r\n\x1a\n"))


def sniff(head: bytes) -> str | None:
    """Return the kind of an image file by its first 352 bytes, or None if it is none that is read."""
    return next((kind for at, magic, kind in MAGIC if head[at : at + len(magic)] == magic), None)


def check_kind(head: bytes, name: str = "") -> str:
    """Return the kind of a file.

    Raises:
        UnusableImageError: if it is none that is read, saying what it is where that is known.
    """
    if not head:
        raise UnusableImageError("zero size", "an empty file")
    if any(head[at : at + len(magic)] == magic for at, magic in NIFTI) or name.lower().endswith(VOLUMES):
        raise UnusableImageError("a volume")
    kind = sniff(head)
    if kind is None:
        raise UnusableImageError("not an image", "text" if _is_text(head) else "")
    return kind


def read_file(path: Path) -> bytes:
    """Return a file's content.

    Raises:
        UnusableImageError: if it is larger than any image, or can't be read.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise UnusableImageError("too large", f"{size:,} bytes")
        return path.read_bytes()
    except FileNotFoundError as e:
        raise UnusableImageError("not found") from e
    except OSError as e:
        raise UnusableImageError("damaged", e.strerror or type(e).__name__) from e


def check_size(width: int, height: int) -> None:
    """Refuse sizes that no picture has, before any pixel is decoded.

    Raises:
        UnusableImageError: for zero and for huge sizes.
    """
    if width <= 0 or height <= 0:
        raise UnusableImageError("zero size", f"{width} x {height}")
    if width * height > MAX_PIXELS:
        raise UnusableImageError("too large", f"{width:,} x {height:,} pixels")


def _is_text(head: bytes) -> bool:
    try:
        head[:256].decode("utf-8")
    except UnicodeDecodeError as e:
        if e.start < len(head[:256]) - 3:
            return False
    return b"\0" not in head[:256]
