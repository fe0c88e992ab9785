"""Is an image file made of pixels alone? A list of what may be in it; anything else is found.

What may hold text is never allowed: DICOM and TIFF as such; PNG's tEXt, zTXt, iTXt, eXIf, iCCP, tIME and
unknown chunks; JPEG's APP1 to APP13, APP15 and comments; WebP's EXIF, XMP and ICCP; anything after the end.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from nastdata.images.decoding.files import sniff
from nastdata.images.decoding.picture import UnusableImageError
from nastdata.images.decoding.reader import read_picture

PNG_CHUNKS = {b"IHDR": 13, b"PLTE": 768, b"IDAT": 1 << 31, b"IEND": 0, b"tRNS": 256, b"gAMA": 4}
PNG_CHUNKS |= {b"pHYs": 9, b"sRGB": 1, b"cHRM": 32, b"sBIT": 4, b"bKGD": 6}
"""Chunk -> its most bytes."""
JFIF, ADOBE = b"JFIF\0", b"Adobe"
WEBP_CHUNKS = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH")


def find_metadata(data: bytes) -> list[str]:
    """Return what an image file holds besides pixels, in words; nothing if it is made of pixels alone."""
    kind = sniff(data[:352])
    if kind == "PNG":
        return list(dict.fromkeys(_scan_png(data)))
    if kind == "JPEG":
        return list(dict.fromkeys(_scan_jpeg(data)))
    if kind == "WebP":
        return list(dict.fromkeys(_scan_webp(data)))
    return [f"a {kind} file, with its header" if kind else "no image"]


def check_decodes(data: bytes) -> str | None:
    """Return why a file's pixels can't be decoded, or None."""
    try:
        read_picture(data)
    except UnusableImageError as e:
        return str(e)
    return None


def _scan_png(data: bytes) -> Iterator[str]:
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind = data[at + 4 : at + 8]
        if length > PNG_CHUNKS.get(kind, -1):
            yield f"a PNG chunk {kind.decode('latin-1')!r}"
        at += 12 + length
        if kind == b"IEND":
            if at < len(data):
                yield f"{len(data) - at:,} bytes after the end"
            return
    yield "cut short"


def _scan_jpeg(data: bytes) -> Iterator[str]:
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            yield "a broken JPEG"
            return
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == 0xD9:
            break
        (length,) = struct.unpack(">H", data[at + 2 : at + 4])
        content = data[at + 4 : at + 2 + length]
        if not _may_stand(marker, content):
            yield "a JPEG comment" if marker == 0xFE else f"a JPEG segment {_name_marker(marker)}"
        at += 2 + length
        if marker == 0xDA:
            at = _skip_scan(data, at)
    if data[at : at + 2] != b"\xff\xd9":
        yield "cut short"
    elif at + 2 < len(data):
        yield f"{len(data) - at - 2:,} bytes after the end"


def _may_stand(marker: int, content: bytes) -> bool:
    """Whether a JPEG segment is one that a decoder needs, or the fixed marks of JFIF and Adobe."""
    if marker == 0xE0:
        return content.startswith(JFIF) and len(content) == 14
    if marker == 0xEE:
        return content.startswith(ADOBE) and len(content) == 12
    return 0xC0 <= marker <= 0xCF or marker in (0xDA, 0xDB, 0xDD)


def _name_marker(marker: int) -> str:
    return f"APP{marker - 0xE0}" if 0xE0 <= marker <= 0xEF else f"0x{marker:02X}"


def _skip_scan(data: bytes, at: int) -> int:
    """Return where the next segment after compressed data begins."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            return len(data)
        if data[at + 1] == 0 or 0xD0 <= data[at + 1] <= 0xD7:
            at += 2
            continue
        return at


def _scan_webp(data: bytes) -> Iterator[str]:
    end = 8 + struct.unpack("<I", data[4:8])[0]
    at = 12
    while at + 8 <= min(end, len(data)):
        kind = data[at : at + 4]
        (length,) = struct.unpack("<I", data[at + 4 : at + 8])
        if kind not in WEBP_CHUNKS:
            yield f"a WebP chunk {kind.decode('latin-1').strip()!r}"
        at += 8 + length + length % 2
    if end > len(data):
        yield "cut short"
    elif end < len(data):
        yield f"{len(data) - end:,} bytes after the end"
