"""What holds of the rows of every config: values, identifiers, keys, patients and studies."""

from __future__ import annotations

import types
import unicodedata
from typing import Any, Literal, get_args, get_origin

import polars as pl

from nastdata.checks.verdicts import Bad, Ledger, judge_rows
from nastdata.ontology import Ontology
from nastdata.records import COLUMN_ORDER, CONFIG_ROWS, SPLITS
from nastdata.registry import list_adapters

_IDS = ("key", "source", "patient_id", "study_id", "image_id", "group_id", "distractor_image_id")


def check_common(ledger: Ledger, config: str, frame: pl.DataFrame, ontology: Ontology) -> None:
    """Check what can be said of each config alone."""
    _check_required(ledger, config, frame)
    _check_vocabulary(ledger, config, frame, ontology)
    _check_identifiers(ledger, config, frame)
    twice = frame.filter(pl.col("key").is_duplicated()).select(
        "split",
        "key",
        pl.lit("is there more than once").alias("reason"),
        pl.lit(None, pl.String).alias("text"),
    )
    ledger.add("keys", config, len(frame), twice)


def list_vocabularies(config: str) -> dict[str, tuple[str, ...]]:
    """Return column -> allowed values, for columns of a closed list (without the ontology's)."""
    out: dict[str, tuple[str, ...]] = {}
    for name, field in CONFIG_ROWS[config].model_fields.items():
        values = _literal(field.annotation)
        if values:
            out[name] = values
    if "realizer" in CONFIG_ROWS[config].model_fields:
        out["realizer"] = tuple(list_adapters("nastdata.writers"))
    return out


def is_optional(annotation: Any) -> bool:
    """Whether a field may be null."""
    return type(None) in get_args(annotation)


def _literal(annotation: Any) -> tuple[str, ...]:
    if get_origin(annotation) is Literal:
        return tuple(str(v) for v in get_args(annotation))
    if isinstance(annotation, types.UnionType):
        return next((v for a in get_args(annotation) if (v := _literal(a))), ())
    return ()


def _check_required(ledger: Ledger, config: str, frame: pl.DataFrame) -> None:
    checks: dict[str, pl.Expr] = {}
    fields = CONFIG_ROWS[config].model_fields
    for name in COLUMN_ORDER[config]:
        if name not in frame.columns or is_optional(fields[name].annotation):
            continue
        dtype, col = frame.schema[name], pl.col(name)
        if isinstance(dtype, pl.List):
            inner = col.list.eval(pl.element().is_not_null().all()).list.first()
            if dtype.inner == pl.String and name != "altered":
                inner = col.list.eval(
                    (pl.element().str.strip_chars() != "").fill_null(False).all()
                ).list.first()
            held = col.is_not_null() & (col.list.len() > 0)
            checks[f"{name} is null, empty or holds a blank"] = held if name == "altered" else held & inner
        elif isinstance(dtype, pl.Struct):
            checks[f"{name} is null"] = col.is_not_null()
        elif dtype == pl.String:
            checks[f"{name} is null or blank"] = col.str.strip_chars() != ""
        else:
            checks[f"{name} is null"] = col.is_not_null()
    judge_rows(ledger, "required", config, frame, checks)


def _check_vocabulary(ledger: Ledger, config: str, frame: pl.DataFrame, ontology: Ontology) -> None:
    known = [c.name for c in ontology.conditions]
    checks: dict[str, pl.Expr] = {"split is none of ours": pl.col("split").is_in(SPLITS)}
    for name, values in list_vocabularies(config).items():
        checks[f"{name} is none of {', '.join(values)}"] = pl.col(name).is_in(values)
    for name in ("condition", "conditions"):
        if name in frame.columns:
            inside = pl.col(name).is_in(known)
            if name == "conditions":
                inside = pl.col(name).list.eval(pl.element().is_in(known).all()).list.first()
            checks[f"{name}: not in the ontology"] = inside
    judge_rows(ledger, "vocabulary", config, frame, checks)


def _check_identifiers(ledger: Ledger, config: str, frame: pl.DataFrame) -> None:
    """Look for what makes two ids look alike and compare unequal."""
    bad = []
    checked = 0
    for name in (n for n in _IDS if n in frame.columns):
        ids = frame[name].drop_nulls().unique()
        checked += len(ids)
        strange = ids.filter(~ids.str.contains(r"^[!-~]+$"))
        reasons = {i: r for i in strange if (r := _find_trick(i))}
        if reasons:
            rows = frame.filter(pl.col(name).is_in(list(reasons))).select(
                "split", "key", pl.col(name).alias("value")
            )
            bad += [
                Bad(f"{name}: {reasons[value]}", key, split, value) for split, key, value in rows.iter_rows()
            ]
    ledger.add("identifiers", config, checked, bad)


def _find_trick(text: str) -> str | None:
    """Return what makes an id look like another one, or None."""
    if text != text.strip() or any(unicodedata.category(c)[0] in "CZ" and c != " " for c in text):
        return "blanks at its ends or invisible characters"
    if unicodedata.normalize("NFKC", text) != text:
        return "characters that stand for others"
    scripts = {unicodedata.name(c, "").split(" ")[0] for c in text if c.isalpha()}
    if "LATIN" in scripts and scripts & {"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"}:
        return "look-alike letters of another script"
    return None


def check_patients(ledger: Ledger, frames: dict[str, pl.DataFrame]) -> None:
    """No patient (of one source) is in two splits, over all configs together."""
    seen = _gather(frames, ("source", "patient_id"))
    crossing = (
        seen.group_by("source", "patient_id")
        .agg(pl.col("split").unique().sort().alias("splits"), pl.col("config").first())
        .filter(pl.col("splits").list.len() > 1)
        .sort("source", "patient_id")
    )
    bad = [
        Bad(f"patient in {' and '.join(splits)}", f"{source}/{patient}")
        for source, patient, splits, _ in crossing.iter_rows()
    ]
    ledger.add("patients", None, seen.select("source", "patient_id").n_unique(), bad)


def check_studies(ledger: Ledger, frames: dict[str, pl.DataFrame]) -> None:
    """A study belongs to one patient, an image to one study."""
    seen = _gather(frames, ("source", "patient_id", "study_id", "image_id"))
    bad: list[Bad] = []
    for what, owner in (("study_id", "patient_id"), ("image_id", "study_id")):
        owned = (
            seen.group_by("source", what)
            .agg(pl.col(owner).n_unique().alias("owners"))
            .filter(pl.col("owners") > 1)
            .sort("source", what)
        )
        bad += [
            Bad(f"{what} with {n} different values of {owner}", f"{source}/{name}")
            for source, name, n in owned.iter_rows()
        ]
    ledger.add("studies", None, seen.select("source", "study_id").n_unique(), bad)


def _gather(frames: dict[str, pl.DataFrame], columns: tuple[str, ...]) -> pl.DataFrame:
    return pl.concat(
        [
            f.select(*columns, "split").unique().with_columns(pl.lit(c).alias("config"))
            for c, f in frames.items()
        ]
    )
