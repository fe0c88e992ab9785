"""``sources new``: looks at somebody's table and guesses what its columns are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from nastdata.errors import UserError
from nastdata.ontology import Ontology
from nastdata.sources.own.files import tables, text_tables
from nastdata.sources.own.files.text_tables import ROW
from nastdata.sources.own.settings import OwnSettings, Reading
from nastdata.sources.own.starting.recognise import (
    MOST_WORDS,
    Lists,
    Named,
    count_words,
    find_list,
    look_at_column,
    name_words,
    read_roles,
)
from nastdata.sources.own.words import Meanings, NameMatcher, simplify

LOOKED_AT = 20_000
"""Rows that are looked at; `sources check` reads all."""
IMAGE = re.compile(r"\.(png|jpe?g|dcm|dicom|tiff?|bmp|webp|nii(\.gz)?|mha)$", re.IGNORECASE)


@dataclass
class Guess:
    """What a table seems to be."""

    files: list[Path]
    reading: Reading
    header: list[str]
    rows: int
    roles: dict[str, str] = field(default_factory=dict)
    """patient, study, image, view, split, reader -> column."""
    layout: str | None = None
    """columns, list, rows, boxes, reports; None if nothing was recognised."""
    column: str | None = None
    """Of a list, or of the findings of rows."""
    separator: str = "|"
    names: list[Named] = field(default_factory=list)
    strange: dict[str, int] = field(default_factory=dict)
    """Words of label cells that are not understood -> rows."""
    box: tuple[tuple[str, ...], str] | None = None
    size: tuple[str | None, str | None] = (None, None)
    reach: tuple[int, int] = (0, 0)
    """Highest coordinates of boxes."""
    parts: dict[str, str] = field(default_factory=dict)
    """value, place, grade -> column, of rows."""
    texts: list[str] = field(default_factory=list)
    """Columns of report texts."""
    views: list[str] = field(default_factory=list)
    prefix: str | None = None
    """Folder that all image paths start with."""
    template: str | None = None
    folder: Path | None = None
    """Of report files."""
    patterns: dict[str, str] = field(default_factory=dict)
    """patient, study -> pattern for the image's path."""
    doubled: list[str] = field(default_factory=list)


def guess_table(paths: Sequence[Path], ontology: Ontology) -> Guess:
    """Look at the first rows of a table.

    Raises:
        UserError: if the files cannot be read.
    """
    reading = _guess_reading(paths[0])
    header = tables.read_header(paths[0], reading)
    unique = [h for h in dict.fromkeys(header) if h and header.count(h) == 1]
    if not unique:
        raise UserError("no column names in its first row", where=str(paths[0]))
    frame = _read_some(paths[0], reading, unique)
    guess = Guess(list(paths), reading, header, len(frame))
    guess.doubled = sorted({h for h in header if h and header.count(h) > 1})
    if frame.is_empty():
        first = next((b.broken[0] for b in tables.read_batches(paths[0], reading, unique) if b.broken), None)
        told = f"no usable rows: row {first[0]} has {first[1]}" if first else "no rows below the header"
        raise UserError(told, where=str(paths[0]))
    matcher, meanings = NameMatcher(ontology), Meanings(_defaults())
    _find_roles(guess, frame, matcher)
    taken = {*guess.roles.values(), *guess.views}
    labels = [n for c in unique if c not in taken and (n := look_at_column(frame, c, matcher, meanings))]
    lists = find_list(frame, [c for c in unique if c not in taken], matcher)
    matched = [n for n in labels if n.condition]
    _find_box(guess, unique)
    if guess.box and lists:
        _take_rows(guess, frame, lists, "boxes", matcher)
    elif len(matched) >= 2 or (matched and not lists):
        guess.layout, guess.names = "columns", labels
        for n in labels:
            for word, rows in count_words(frame, n.name).items():
                if meanings.find(word) is None:
                    guess.strange[word] = guess.strange.get(word, 0) + rows
    elif guess.box and _find_value(guess, frame):
        guess.layout = "boxes"
    elif lists:
        repeated = _is_repeated(guess, frame)
        if repeated and lists[1] is None:
            _take_rows(guess, frame, lists, "rows", matcher)
        else:
            guess.layout, guess.column = "list", lists[0]
            guess.separator, guess.names = lists[1] or "|", lists[2]
    if guess.layout == "boxes":
        _measure_boxes(guess, frame)
    texts = _find_texts(frame, [c for c in unique if c not in taken])
    guess.texts = texts
    if guess.layout is None and texts:
        guess.layout = "reports"
    _look_at_images(guess, frame)
    return guess


def guess_folder(folder: Path) -> Guess:
    """Look at a folder of report files.

    Raises:
        UserError: if it has no .txt file.
    """
    from nastdata.sources.own.report_files import find_texts

    found = find_texts(folder)
    if not found:
        raise UserError("no tables and no .txt files in it", where=str(folder))
    return Guess([], Reading(), [], len(found), layout="reports", folder=folder)


def _defaults() -> OwnSettings:
    return OwnSettings.model_validate({"name": "x", "reports": {"folder": "x"}})


def _guess_reading(path: Path) -> Reading:
    reading = Reading()
    kind = tables.find_format(path, reading)
    if kind != "csv":
        return reading
    sample = text_tables.read_sample(path)
    encoding = text_tables.find_encoding(sample, reading)
    try:
        # a character may be cut in two at the sample's end
        sample[: sample.rfind(b"\n") + 1 or None].decode(encoding)
        return reading
    except UnicodeDecodeError:
        return Reading(encoding="cp1252")


def _read_some(path: Path, reading: Reading, columns: list[str]) -> pl.DataFrame:
    parts, total = [], 0
    for batch in tables.read_batches(path, reading, columns):
        parts.append(batch.frame)
        total += len(batch.frame)
        if total >= LOOKED_AT:
            break
    return pl.concat(parts).head(LOOKED_AT).drop(ROW) if parts else pl.DataFrame()


def _find_roles(guess: Guess, frame: pl.DataFrame, matcher: NameMatcher) -> None:
    simple = {simplify(c): c for c in reversed(frame.columns)}
    for role in ("patient", "study", "image", "view", "split", "reader"):
        taken = set(guess.roles.values())
        for name in read_roles()[role]:
            column = simple.get(simplify(name))
            if column and column not in {*taken, *guess.views} and _fits(role, frame[column]):
                guess.roles[role] = column
                if role == "view":
                    guess.views.append(column)
                    continue
                break
    if "image" not in guess.roles or not _is_path(frame[guess.roles["image"]]):
        taken = {v for k, v in guess.roles.items() if k != "image"}
        paths = [c for c in frame.columns if c not in taken and _is_path(frame[c])]
        if paths:
            guess.roles["image"] = paths[0]


def _fits(role: str, column: pl.Series) -> bool:
    words = column.drop_nulls()
    if words.is_empty():
        return False
    if role == "split":
        from nastdata.sources.own.words import find_split

        return all(find_split(w, _defaults()) for w in words.unique().to_list()[:20])
    if role == "view":
        return words.n_unique() <= 30
    return role == "reader" or float(words.str.len_chars().mean() or 0) < 120  # type: ignore[arg-type]


def _is_path(column: pl.Series) -> bool:
    some = column.drop_nulls().head(200).to_list()
    return bool(some) and sum(bool(IMAGE.search(s)) for s in some) > len(some) / 2


def _is_repeated(guess: Guess, frame: pl.DataFrame) -> bool:
    """Whether images, or studies, come in several rows: then a row is a finding, not a study."""
    key = guess.roles.get("image") or guess.roles.get("study")
    return key is not None and frame[key].n_unique() < 0.9 * len(frame)


def _take_rows(guess: Guess, frame: pl.DataFrame, lists: Lists, layout: str, matcher: NameMatcher) -> None:
    words = Counter(dict(frame[lists[0]].drop_nulls().value_counts().iter_rows()))
    guess.layout, guess.column, guess.names = layout, lists[0], name_words(words, matcher)
    simple = {simplify(c): c for c in frame.columns}
    taken = {*guess.roles.values(), lists[0], *(guess.box[0] if guess.box else ())}
    for part in ("value", "place", "grade"):
        for name in read_roles()[part]:
            column = simple.get(simplify(name))
            if column and column not in taken:
                if part == "value" and frame[column].drop_nulls().n_unique() > MOST_WORDS:
                    continue
                guess.parts[part] = column
                taken.add(column)
                break


def _find_value(guess: Guess, frame: pl.DataFrame) -> bool:
    """Find a column of 1 and 0 beside boxes that are all about one finding."""
    simple = {simplify(c): c for c in frame.columns}
    for name in read_roles()["value"]:
        column = simple.get(simplify(name))
        if column and frame[column].drop_nulls().n_unique() <= MOST_WORDS:
            guess.parts["value"] = column
            return True
    return False


def _find_box(guess: Guess, columns: list[str]) -> None:
    folded = {c.casefold(): c for c in columns}
    for order, sets in read_roles()["boxes"].items():
        for names in sets:
            if all(n in folded for n in names):
                guess.box = tuple(folded[n] for n in names), order
                break
        if guess.box:
            break
    if guess.box:
        simple = {simplify(c): c for c in columns if c not in guess.box[0]}
        found = [
            next((simple[simplify(n)] for n in read_roles()[side] if simplify(n) in simple), None)
            for side in ("width", "height")
        ]
        guess.size = found[0], found[1]


def _measure_boxes(guess: Guess, frame: pl.DataFrame) -> None:
    """Note how far boxes reach, so that a guess of the images' size can be seen to be wrong."""
    assert guess.box is not None
    a, b, c, d = (frame[x].cast(pl.Float64, strict=False).fill_null(0) for x in guess.box[0])
    right, bottom = (c, d) if guess.box[1].startswith("x_min") else (a + c, b + d)
    guess.reach = int(right.max() or 0), int(bottom.max() or 0)  # type: ignore[arg-type]


def _find_texts(frame: pl.DataFrame, columns: list[str]) -> list[str]:
    """Return columns of running text, those with a report's name first."""
    out = []
    named = [simplify(n) for n in read_roles()["report"]]
    for c in columns:
        words = frame[c].drop_nulls().head(2000)
        if words.is_empty():
            continue
        letters = float((words.str.count_matches(r"\p{L}") / words.str.len_chars()).mean() or 0)  # type: ignore[arg-type]
        blanks = letters and float(words.str.count_matches(" ").mean() or 0)  # type: ignore[arg-type]
        if letters > 0.5 and blanks >= 4 and (simplify(c) in named or blanks >= 8):
            out.append(c)
    named_texts = [c for c in out if simplify(c) in named]
    whole = [c for c in named_texts if simplify(c) not in ("finding", "impression")]
    return whole[:1] or named_texts or out[:1]


def _look_at_images(guess: Guess, frame: pl.DataFrame) -> None:
    column = guess.roles.get("image")
    if column is None:
        return
    paths = [p.replace("\\", "/") for p in frame[column].drop_nulls().to_list()]
    absolute = [p for p in paths if re.match(r"^(/|[A-Za-z]:)", p)]
    if paths and len(absolute) == len(paths):
        parts = [p.split("/")[:-1] for p in paths]
        common = []
        for level in zip(*parts, strict=False):
            if len(set(level)) > 1:
                break
            common.append(level[0])
        guess.prefix = "/".join(common) + "/" if common else None
    for role in ("patient", "study"):
        if role not in guess.roles and paths:
            pattern = next((p for p in read_roles()["patterns"][role] if _fits_all(p, paths)), None)
            if pattern:
                guess.patterns[role] = pattern
    if guess.prefix is None and not _is_path(frame[column]):
        guess.template = "{}.png"


def _fits_all(pattern: str, paths: list[str]) -> bool:
    some = paths[:2000]
    found = [m.group(1) for p in some if (m := re.search(pattern, p))]
    return len(found) == len(some) and (len(set(found)) > 1 or len(some) == 1)
