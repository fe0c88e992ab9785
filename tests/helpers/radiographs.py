"""A small CheXpert table with made-up DICOM radiographs beside it, and files that lie about their size."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from dicoms import draw, make_dicom, save

LABELS = "No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,Edema,Consolidation,"
LABELS += "Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices"
STUDIES = 12
QUIET = ("--set", "audit.enabled=false", "--set", "claims.balanced=false", "--set", "captions.balanced=false")


def path_of(i: int) -> str:
    return f"CheXpert-v1.0-small/train/patient{i:05}/study1/view1_frontal.jpg"


def write_table(folder: Path, studies: int = STUDIES) -> Path:
    rows = [f"Path,Sex,Age,Frontal/Lateral,AP/PA,{LABELS}"]
    for i in range(studies):
        marks = ["1.0" if (i + k) % 3 == 0 else "0.0" for k in range(14)]
        rows.append(f"{path_of(i)},Male,50,Frontal,PA,{','.join(marks)}")
    table = folder / "train.csv"
    table.write_text("\n".join(rows) + "\n")
    return table


def write_radiographs(root: Path, studies: int = STUDIES) -> dict[int, np.ndarray]:
    """DICOM of 12 bits with planted names, some inverted, some windowed; returns the right pictures."""
    right = {}
    for i in range(studies):
        pixels = draw(seed=i)
        stored = pixels.astype(np.uint16) * 16
        inverted = i % 2 == 1
        ds = make_dicom(
            4095 - stored if inverted else stored,
            bits=12,
            photometric="MONOCHROME1" if inverted else "MONOCHROME2",
            planted=True,
            WindowCenter=2048,
            WindowWidth=4096,
        )
        save(ds, root / path_of(i).replace(".jpg", ".dcm").replace("CheXpert-v1.0-small/", ""))
        right[i] = pixels
    return right


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header_bomb(width: int, height: int) -> bytes:
    rows = zlib.compress(b"\0" * 1000)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
