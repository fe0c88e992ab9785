"""What the NIH files share: image names, patients, and the corpus's own split."""

from __future__ import annotations

import re
from pathlib import Path

from nastdata.records import FRONTAL
from nastdata.sources.annotations.collector import StudyKeys
from nastdata.sources.locate import Wanted

IMAGE = re.compile(r"(\d{8})_(\d{3,})\.(png|jpg|jpeg|dcm)$", re.IGNORECASE)
SPLITS = {
    "train_val": Wanted(r"train_val_list(_nih)?\.txt"),
    "test": Wanted(r"test_list(_nih)?\.txt"),
}
"""The official lists, if they are beside the tables; the validation part is cut by the user."""
FAMILY = "nih"
"""Corpora with the same patients: they go into the same split."""


def name_image(name: str, own_split: str | None = None) -> StudyKeys | None:
    """Return the keys of an image ("00000013_008.png"), one study of its own; None if it is no such name."""
    match = IMAGE.match(name)
    if match is None:
        return None
    study = f"{match[1]}_{match[2]}"
    return StudyKeys(match[1], study, study, name, own_split, FRONTAL)


def read_own_split(found: dict[str, list[Path]]) -> dict[str, str]:
    """Return image name -> "train" or "test" by the official lists; empty without them."""
    out: dict[str, str] = {}
    for kind, split in (("train_val", "train"), ("test", "test")):
        for path in found.get(kind, ())[:1]:
            out |= dict.fromkeys(path.read_text(encoding="utf-8-sig").split(), split)
    return out
