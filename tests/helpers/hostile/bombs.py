"""Small files that unpack to very large ones, made without holding either in memory."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from functools import lru_cache

BOMB = 3 << 30
"""Bytes that a bomb unpacks to."""


def deflate_bomb(size: int = BOMB) -> bytes:
    """Return one megabyte of deflated text many times over, without its end: it never gets that far."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = b"a,b\n" * (1 << 18)
    first = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    # after a full flush the same block packs to the same bytes
    again = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + again * (size // len(block) - 1) + b"\x03\x00"


@lru_cache(maxsize=4)
def gzip_bomb(size: int = BOMB) -> bytes:
    """Return a gzip file of some megabytes that unpacks to ``size``."""
    head = b"\x1f\x8b\x08\x00\0\0\0\0\x02\xff"
    return head + deflate_bomb(size) + struct.pack("<II", 0, size & 0xFFFFFFFF)


@lru_cache(maxsize=4)
def zip_bomb(size: int = BOMB, name: str = "t.csv", claimed: int = 1_000) -> bytes:
    """Return a zip file whose member unpacks to ``size`` and says that it is small."""
    data = deflate_bomb(size)
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(name, data)
    raw = bytearray(held.getvalue())
    # say "deflated" and a small size in both headers
    struct.pack_into("<H", raw, 8, 8)
    struct.pack_into("<I", raw, 22, claimed)
    at = raw.rindex(b"PK\x01\x02")
    struct.pack_into("<H", raw, at + 10, 8)
    struct.pack_into("<I", raw, at + 24, claimed)
    return bytes(raw)
