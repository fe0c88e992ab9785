"""Made-up tables of the kinds that people bring, and the descriptions that fit them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from nastdata.ontology import Ontology, load_ontology
from nastdata.sources import get_source
from nastdata.sources.base import Loaded, Options
from nastdata.sources.own.keys import hash_path

COLUMNS = {"effusion": "Pleural Effusion", "ptx": "Pneumothorax", "broken rib": "Fracture"}


def describe(folder: Path, file: str = "mine.yaml", **parts: Any) -> Path:
    """Write a description of ``films.csv`` with label columns, changed by ``parts`` (None removes one)."""
    whole: dict[str, Any] = {
        "name": "mine",
        "files": "films.csv",
        "columns": {"patient": "pid", "image": "image"},
        "labels": {"layout": "columns", "columns": dict(COLUMNS)},
        **parts,
    }
    path = folder / file
    kept = {k: v for k, v in whole.items() if v is not None}
    path.write_text(yaml.safe_dump(kept, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def load(
    description: Path, kind: str = "labels", ontology: Ontology | None = None, data: Path | None = None
) -> Loaded:
    """Load a description's data and check that every row is accounted for."""
    source = get_source(str(description))
    read = source.load_labels if kind == "labels" else source.load_facts
    loaded = read(data, ontology or load_ontology("chest_xray"), Options())
    assert loaded.rows_in == loaded.rows_out + len(loaded.rejects) + sum(loaded.left_out.values())
    return loaded


def labels_of(loaded: Loaded, *conditions: str) -> dict[str, tuple[int | None, ...]]:
    """Return study -> its labels of some conditions; a study that has only an image is named by its file."""
    rows = loaded.frame.select("study_id", "image", *conditions).iter_rows()
    return {_name(*row[:2]): row[2:] for row in rows}


def _name(study: str, image: str | None) -> str:
    return image.rsplit(".", 1)[0] if image and study == hash_path(image) else study


def facts_of(loaded: Loaded) -> set[tuple[str, str, str, str | None, str | None]]:
    """Return (study, condition, existence, place, grade) of all facts that statements are made of."""
    columns = ("study_id", "image", "condition", "existence", "location", "severity")
    plain = (pl.col("existence") != "uncertain") & pl.col("qualifier").is_null()
    stated = loaded.frame.filter(plain).select(columns)
    return {(_name(*row[:2]), *row[2:]) for row in stated.iter_rows()}


def write_hospital_csv(path: Path, rows: int = 1200, seed: int = 7) -> None:
    """Write a hospital's export that nobody planned for: German words, semicolons, decimal commas, cp1252."""
    draw = random.Random(seed)
    names = ("Pleuraerguss", "Pneumothorax", "Kardiomegalie", "Lungenödem", "Verschattung", "Fremdkörper")
    lines = ["Fall-Nr;Untersuchung;Bilddatei;Projektion;Alter;" + ";".join(names) + ";Raucher"]
    for i in range(rows):
        patient = f"{draw.randrange(rows // 2):06d}"
        cells = [draw.choice(("ja", "nein", "nein", "fraglich", "")) for _ in names]
        view = draw.choice(("pa", "ap", "seitlich"))
        age = f"{draw.randrange(20, 90)},{draw.randrange(10)}"
        lines.append(
            f"{patient};U{i:07d};bilder/{i:07d}.png;{view};{age};{';'.join(cells)};{draw.choice('jn')}"
        )
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode("cp1252"))
