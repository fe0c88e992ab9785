"""What a dataset folder says of its studies: the facts of its captions, true claims and right options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from nastdata.checks.generated.facts import OnRecord, Record, Recorded
from nastdata.dataset.folder import DatasetFolder, read_dataset
from nastdata.errors import UserError

KEYS = ("caption_id", "set_id", "item_id", "image_id", "study_id")
READ = ("contextual_captions", "contextual_claims", "mednega")


def load_dataset(path: Path) -> OnRecord:
    """Read every true statement of a dataset folder with the keys of its row.

    Raises:
        UserError: if it is no dataset folder, or has no config whose rows state facts.
    """
    folder = read_dataset(path)
    used = [c for c in READ if c in folder.configs]
    if not used:
        raise UserError(
            "no config that states facts", where=str(path), how="one of " + ", ".join(READ) + " is needed"
        )
    out = OnRecord(path, {k: [] for k in KEYS}, [], [], {"form": "dataset", "configs": used})
    for config in used:
        frame = folder.read(config)
        _check(frame, config, folder)
        records = {"mednega": _read_items, "contextual_claims": _read_claims}.get(config, _read_captions)(
            frame
        )
        out.records += records
        for k in KEYS:
            out.columns[k] += (
                frame[k].cast(pl.String).to_list() if k in frame.columns else [None] * len(frame)
            )
        out.patients += _list_patients(frame)
    return out


def _check(frame: pl.DataFrame, config: str, folder: DatasetFolder) -> None:
    needed = {
        "mednega": ("conditions", "choice_labels", "answer"),
        "contextual_claims": ("claim_facts", "claim_negations", "answer"),
        "contextual_captions": ("fact", "negation_type"),
    }[config]
    lacking = [c for c in needed if c not in frame.columns]
    if lacking:
        raise UserError(f"no column {', '.join(lacking)}", where=f"{folder.path}: {config}")


def _list_patients(frame: pl.DataFrame) -> list[str | None]:
    """Return source and patient, since two corpora may number alike."""
    if "patient_id" not in frame.columns:
        return [None] * len(frame)
    source = pl.col("source") if "source" in frame.columns else pl.lit("")
    return frame.select(pl.concat_str(source, pl.lit("/"), pl.col("patient_id"))).to_series().to_list()


def _read_captions(frame: pl.DataFrame) -> list[Record]:
    return [_record(fact, negation) for fact, negation in frame.select("fact", "negation_type").iter_rows()]


def _read_claims(frame: pl.DataFrame) -> list[Record]:
    rows = frame.select("claim_facts", "claim_negations", "answer").iter_rows()
    return [_record(facts[answer], negations[answer]) for facts, negations, answer in rows]


def _record(fact: dict[str, Any], negation: str) -> Record:
    denies = negation if fact["existence"] == "present" and negation in ("location", "severity") else None
    found = Recorded(fact["condition"], fact["existence"], fact["location"], fact["severity"], denies)
    return (found,), False


def _read_items(frame: pl.DataFrame) -> list[Record]:
    out: list[Record] = []
    for conditions, choices, answer in frame.select("conditions", "choice_labels", "answer").iter_rows():
        at = "ABCD".index(answer) if isinstance(answer, str) else int(answer)
        facts = [
            Recorded(c, "present" if v == 1 else "absent")
            for c, v in zip(conditions, choices[at], strict=True)
        ]
        out.append((tuple(facts), False))
    return out
