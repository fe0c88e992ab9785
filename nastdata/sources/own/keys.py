"""Who and what a row is about: patient, study, image, view, split; and what no such thing can be."""

from __future__ import annotations

import hashlib

import polars as pl

from nastdata.sources.own.files.typed_tables import DATE
from nastdata.sources.own.settings import Key, OwnSettings
from nastdata.sources.own.words import find_split
from nastdata.sources.views import AP, FRONTAL, LATERAL, PA, RANK, UNKNOWN

WHY = "#why"
"""Column of the reason why a row cannot be used; null for a good row."""
READER, DATED = "#reader", "#dated"
DATE_LIKE = (
    r"^(\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2})?)?|\d{1,2}[./-]\d{1,2}[./-]\d{4}"
    r"|\d{1,2}-(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)(-\d{2,4})?"
    r"|(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-\d{2,4})$"
)
SHORTENED = r"^\d(\.\d+)?[eE]\+?\d+$"
NO_ID = ("nan", "null", "none", "<na>", "n/a", "na", "unknown", "-", "?")
"""Written where there is no id; taken for one, they would make one patient of many."""
MARK = "\x1f"
"""Between the reason and the value in ``WHY``: reasons are counted, values are shown."""
BROKEN = r"^#(REF|N/A|NAME\?|VALUE!|DIV/0!|NUM!|NULL!)"


def tell(wrong: pl.Expr, reason: str, value: pl.Expr | None = None) -> pl.Expr:
    """Return the reason, with the value that it is about, where something is wrong; null elsewhere."""
    shown = pl.lit("") if value is None else value.fill_null("").str.slice(0, 120)
    return pl.when(wrong).then(pl.concat_str([pl.lit(reason + MARK), shown]))


def list_columns(settings: OwnSettings) -> list[str]:
    """Return the columns that the keys need."""
    c = settings.columns
    keys = [k for k in (c.patient, c.study, c.image, c.view, c.split) if k is not None]
    names = [n for k in keys for n in k.columns]
    if settings.agreement and settings.agreement.reader:
        names.append(settings.agreement.reader)
    return list(dict.fromkeys(names))


def read_keys(frame: pl.DataFrame, settings: OwnSettings) -> pl.DataFrame:
    """Add ``patient_id, study_id, image_id, image, own_split, #rank, #reader, #dated, #why``.

    Ids are kept as they are written, leading zeros included, but for the ".0" that spreadsheets add. Where
    only an image's path is there to name an image, a study or a patient, the id is made of its hash. A row
    is unusable where an id is blank, a date, shortened to 1.2E+11, or where the image's path leaves its
    folder.
    """
    c = settings.columns
    frame, whys = _add_id(frame, "#patient", c.patient, "patient", [])
    frame, whys = _add_id(frame, "#study", c.study, "study", whys)
    frame, whys = _add_image(frame, c.image, whys)
    # a path may hold a person's name, which must not be in every row and in the names of files
    image_id = (hide_path("#image") if c.image.template is None else pl.col("#name")) if c.image else None
    study = pl.col("#study") if c.study else image_id if image_id is not None else pl.col("#patient")
    patient = pl.col("#patient") if c.patient else study
    frame = frame.with_columns(
        patient.alias("patient_id"),
        study.alias("study_id"),
        (image_id if image_id is not None else study).alias("image_id"),
        pl.col("#image").alias("image"),
    )
    frame, whys = _add_split(frame, settings, whys)
    view = pl.lit(None, pl.String)
    if c.view:
        # a lateral view has no PA or AP beside it
        parts = [pl.col(n) for n in c.view.columns]
        view = pl.concat_str(parts, separator="/", ignore_nulls=True) if len(parts) > 1 else _join(c.view)
        view = view.str.to_lowercase()
    elif c.image:
        # a file's name may say it: "0001_lateral.png", "17-PA.dcm"
        name = pl.col("#image").str.to_lowercase().str.split("/").list.last()
        view = name.str.extract(r"(?:^|[_\-. ])(pa|ap|lat|lateral|frontal)(?:[_\-. \d]|$)", 1)
    lateral = view.str.contains("lat") | view.is_in(["ll", "rl", "l", "seitlich"])
    rank = (
        pl.when(view.str.contains(r"(^|/)p\.?a\.?$|postero"))
        .then(PA)
        .when(view.str.contains(r"(^|/)a\.?p\.?$|antero"))
        .then(AP)
        .when(lateral)
        .then(LATERAL)
        .when(view.str.contains("^pa|^ap|front"))
        .then(FRONTAL)
        .otherwise(UNKNOWN)
    )
    reader = settings.agreement.reader if settings.agreement else None
    dated = pl.col("#study").str.contains(DATE_LIKE) | pl.col("#study").str.starts_with(DATE)
    return frame.with_columns(
        rank.cast(pl.Int8).alias(RANK),
        (pl.col(reader) if reader else pl.lit(None, pl.String)).alias(READER),
        (dated if c.study else pl.lit(False)).fill_null(False).alias(DATED),
        (pl.coalesce(whys) if whys else pl.lit(None, pl.String)).alias(WHY),
    )


def _join(key: Key) -> pl.Expr:
    """Return the text of a key: its columns joined, a part of it, or put into a template."""
    parts = [pl.col(n) for n in key.columns]
    text = parts[0] if len(parts) == 1 else pl.concat_str(parts, separator="/")
    if key.remove_prefix:
        text = text.str.replace_all("\\", "/", literal=True).str.strip_prefix(
            key.remove_prefix.replace("\\", "/")
        )
    if key.remove_folders:
        text = text.str.replace_all("\\", "/", literal=True).str.replace(
            f"^(?:[^/]*/){{{key.remove_folders}}}", ""
        )
    if key.pattern:
        text = text.str.extract(key.pattern, 1)
    return text


def _add_id(
    frame: pl.DataFrame, name: str, key: Key | None, what: str, whys: list[pl.Expr]
) -> tuple[pl.DataFrame, list[pl.Expr]]:
    if key is None:
        return frame.with_columns(pl.lit(None, pl.String).alias(name)), whys
    # "123.0" is how spreadsheets and pandas write the id 123
    frame = frame.with_columns(_join(key).str.replace(r"^(\d+)\.0+$", "${1}").alias(name))
    told = f"column '{', '.join(key.columns)}'"
    raw = pl.concat_str([pl.col(n).fill_null("") for n in key.columns], separator="/")
    id_ = pl.col(name)
    blank = f"{told}: no {what} id fits the pattern" if key.pattern else f"{told}: the {what} id is blank"
    rules = [
        tell(id_.is_null() & (raw == "/" * (len(key.columns) - 1)), f"{told}: the {what} id is blank"),
        tell(id_.is_null() | (id_ == ""), blank, raw),
        tell(id_.str.to_lowercase().is_in(NO_ID), f"{told}: the {what} id is blank", id_),
        tell(
            id_.str.contains(SHORTENED), f"{told}: a number that a spreadsheet has shortened, not an id", id_
        ),
        tell(id_.str.contains(BROKEN), f"{told}: a spreadsheet's error where an id should be", id_),
        tell(id_.str.contains("\0", literal=True), f"{told}: a NUL character in the id"),
    ]
    if what == "patient":
        date = id_.str.contains(DATE_LIKE) | id_.str.starts_with(DATE)
        rules.append(tell(date, f"{told}: a date where an id should be", id_.str.strip_prefix(DATE)))
    return frame, [*whys, *rules]


def hide_path(column: str) -> pl.Expr:
    """Return an id for each path that does not show it: the start of its SHA-256."""
    return pl.col(column).map_batches(_hash_paths, return_dtype=pl.String)


def _hash_paths(paths: pl.Series) -> pl.Series:
    ids = [None if p is None else hash_path(p) for p in paths.to_list()]
    return pl.Series(paths.name, ids, dtype=pl.String)


def hash_path(path: str) -> str:
    """Return the first 16 hexadecimal digits of a path's SHA-256, after ``i``."""
    return f"i{hashlib.sha256(path.encode()).hexdigest()[:16]}"


def tell_studies_apart(frame: pl.DataFrame) -> bool:
    """Whether study ids count within a patient only ("1", "2" ...), so that they need the patient's name."""
    pairs = frame.select("patient_id", "study_id").unique()
    return len(pairs) > pairs["study_id"].n_unique()


def name_studies(frame: pl.DataFrame) -> pl.DataFrame:
    """Put the patient's id before the study's."""
    return frame.with_columns(pl.format("{}/{}", "patient_id", "study_id").alias("study_id"))


def find_stray_dates(frame: pl.DataFrame) -> pl.Expr | None:
    """Return which rows have a date for a study id while most have not: ids that Excel has turned into dates.

    A study may well be named by its date; then all of them are.
    """
    dated = int(frame[DATED].sum())
    return pl.col(DATED) if 0 < dated < len(frame) / 2 else None


def _add_image(
    frame: pl.DataFrame, key: Key | None, whys: list[pl.Expr]
) -> tuple[pl.DataFrame, list[pl.Expr]]:
    if key is None:
        return frame.with_columns(pl.lit(None, pl.String).alias("#image")), whys
    name = _join(key).str.replace_all("\\", "/", literal=True)
    if key.template:
        name = name.str.replace(r"^(\d+)\.0+$", "${1}")
    frame = frame.with_columns(name.alias("#name"))
    path = pl.col("#name")
    if key.template:
        front, back = key.template.split("{}")
        path = pl.concat_str([pl.lit(front), path, pl.lit(back)])
    frame = frame.with_columns(path.str.replace(r"^(\./)+", "").alias("#image"))
    told = f"column '{', '.join(key.columns)}'"
    image = pl.col("#image")
    shown = image.str.strip_prefix(DATE)
    absolute = image.str.contains(r"^(/|[A-Za-z]:|~)")
    rules = [
        tell(image.is_null(), f"{told}: the image is blank"),
        tell(
            image.str.contains(r"(^|/)\.\.(/|$)"), f"{told}: a path that leaves the image folder (..)", shown
        ),
        tell(
            image.str.contains(r"^[A-Za-z][A-Za-z0-9+.-]+:/"),
            f"{told}: an address, not a path under the image folder",
            shown,
        ),
        tell(absolute, f"{told}: a path that is not below the image folder (see remove_prefix)", shown),
        tell(
            image.str.starts_with(DATE) | image.str.contains(DATE_LIKE),
            f"{told}: a date where an image should be",
            shown,
        ),
        tell(image.str.contains(r"[\x00-\x1f]"), f"{told}: control characters in the image's path"),
    ]
    return frame, [*whys, *rules]


def _add_split(
    frame: pl.DataFrame, settings: OwnSettings, whys: list[pl.Expr]
) -> tuple[pl.DataFrame, list[pl.Expr]]:
    key = settings.columns.split
    if key is None:
        return frame.with_columns(pl.lit(None, pl.String).alias("own_split")), whys
    frame = frame.with_columns(_join(key).alias("#split"))
    words = frame["#split"].drop_nulls().unique().to_list()
    meaning = {w: s for w in words if (s := find_split(w, settings))}
    split = pl.col("#split").replace_strict(meaning, default=None, return_dtype=pl.String)
    told = f"column '{', '.join(key.columns)}'"
    wrong = pl.col("#split").is_not_null() & split.is_null()
    why = tell(wrong, f"{told}: a word that is not understood as a split", pl.col("#split"))
    return frame.with_columns(split.alias("own_split")), [*whys, why]
