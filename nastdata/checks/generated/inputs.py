"""Loads what is to be judged and what is on record, and joins the two; every row is accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nastdata.checks.generated import columns as names
from nastdata.checks.generated import keys
from nastdata.checks.generated.facts import Notes, OnRecord, Record, merge
from nastdata.checks.generated.label_values import Names
from nastdata.checks.generated.tables import Given, Layout, find_layout, open_rows, read_rows
from nastdata.errors import UserError
from nastdata.text_input.records import say_kind


@dataclass(frozen=True)
class Options:
    """What the user said about columns and readings of the tables."""

    text: str | None = None
    key: str | None = None
    against_key: str | None = None
    patient: str | None = None
    given: Given = field(default_factory=Given)
    by_row: bool = False
    closed: bool = False
    """Whether a blank label is absent."""


@dataclass
class Captions:
    """One file of captions or reports."""

    path: Path
    name: str
    texts: list[str]
    """"" where the cell is blank."""
    wheres: list[str]
    columns: dict[str, list[str | None]]
    """Columns that may be keys."""
    patients: list[str | None]
    text_column: str
    patient_column: str | None
    records: list[Record] | None = None
    """What is on record in the same row, where there is no other reference."""
    layout: Layout | None = None
    blank: int = 0


@dataclass
class Joined:
    """Captions with what is on record for each (None: nothing)."""

    captions: Captions
    records: list[Record | None]
    keys: list[str | None]
    patients: list[str]
    unmatched: list[str]
    """Keys, or rows, of captions for which nothing is on record."""
    unused: int
    """Keys on record that no caption has."""
    unused_some: list[str]
    by: dict[str, Any]
    """How the two were joined."""
    clusters: str
    """What intervals resample: patient, or the key."""


def load_captions(
    path: Path, name: str, options: Options, meaning: Names, notes: Notes, *, alone: bool
) -> Captions:
    """Read a file of captions.

    Args:
        path: csv, tsv, JSON lines, JSON or Parquet.
        name: what it is called in results.
        options: columns that the user named.
        meaning: names of conditions.
        notes: where unknown names are counted, if ``alone``.
        alone: whether its own columns hold what is on record.

    Raises:
        UserError: if it can't be read, or a column can't be found.
    """
    first, columns, rows = open_rows(path)
    where = str(path)
    if options.text:
        text = names.need_column(options.text, columns, where, "--text-key")
    else:
        text = names.find_text([r.values for r in first], columns, where)
    key = names.need_column(options.key, columns, where, "--id-key") if options.key else None
    kept = list(
        dict.fromkeys([*([key] if key else []), *(c for c, _ in keys.list_keys(columns) if c != text)])
    )
    patient = (
        names.need_column(options.patient, columns, where, "--patient-key")
        if options.patient
        else keys.find_patient(columns)
    )
    layout = find_layout(first, columns, options.given, meaning, where, text) if alone else None
    out = Captions(
        path, name, [], [], {c: [] for c in kept}, [], text, patient, [] if alone else None, layout
    )
    source = (
        read_rows(rows, layout, meaning, notes, closed=options.closed)
        if layout
        else ((r, None) for r in rows)
    )
    for row, record in source:
        value = row.values.get(text)
        if value is not None and not isinstance(value, str):
            raise UserError(
                f"'{text}' is {say_kind(value)}, not a text", where=row.where, how="--text-key NAME"
            )
        out.texts.append((value or "").strip("\ufeff"))
        out.blank += not (value or "").strip()
        out.wheres.append(row.where)
        for c in kept:
            out.columns[c].append(keys.plain(row.values.get(c)))
        out.patients.append(_find_patient(row.values, patient))
        if out.records is not None and record is not None:
            out.records.append(record)
    if out.blank == len(out.texts):
        raise UserError(f"every text in '{text}' is blank", where=where, how="--text-key NAME")
    if out.records is not None:
        _check_filled(out.records, notes, path)
    if layout is not None and layout.form == "long":
        _gather_long(out, notes)
    return out


def _gather_long(out: Captions, notes: Notes) -> None:
    """Rows of one key and one text are one text with several facts on record."""
    assert out.records is not None
    column = next((c for c in out.columns), None)
    if column is None:
        return
    groups: dict[tuple[str | None, str], list[int]] = {}
    for i, (key, text) in enumerate(zip(out.columns[column], out.texts, strict=True)):
        groups.setdefault((key, text) if key else (f"#{i}", text), []).append(i)
    if len(groups) == len(out.texts):
        return
    rows = [group[0] for group in groups.values()]
    out.records = [merge([out.records[i] for i in g], notes, str(k[0])) for k, g in groups.items()]
    for values in (out.texts, out.wheres, out.patients, *out.columns.values()):
        values[:] = [values[i] for i in rows]  # type: ignore[index]
    out.blank = sum(not t.strip() for t in out.texts)


def _find_patient(values: dict[str, Any], column: str | None) -> str | None:
    if column is not None:
        return keys.plain(values.get(column))
    return next(
        (p for v in values.values() if isinstance(v, str) and (p := keys.patient_of_path(v[:200]))), None
    )


def load_reference(path: Path, options: Options, meaning: Names) -> OnRecord:
    """Read a table of labels, a list of facts, or a dataset folder.

    Raises:
        UserError: if it can't be read, or holds none of these.
    """
    if path.is_dir():
        from nastdata.checks.generated.dataset_facts import load_dataset

        return load_dataset(path)
    first, columns, rows = open_rows(path)
    layout = find_layout(first, columns, options.given, meaning, str(path))
    key = options.against_key
    if key:
        key = names.need_column(key, columns, str(path), "--against-id-key")
    elif options.key:
        key = next((c for c in columns if names.squash(c) == names.squash(options.key or "")), None)
    kept = list(dict.fromkeys([*([key] if key else []), *(c for c, _ in keys.list_keys(columns))]))
    kept = [c for c in kept if c not in layout.columns]
    patient = keys.find_patient(columns)
    told = {"form": layout.form, "columns": layout.columns, "unused_label_columns": layout.unused}
    out = OnRecord(path, {c: [] for c in kept}, [], [], told)
    for row, record in read_rows(rows, layout, meaning, out.notes, closed=options.closed):
        for c in kept:
            out.columns[c].append(keys.plain(row.values.get(c)))
        out.patients.append(_find_patient(row.values, patient))
        out.records.append(record)
    _check_filled(out.records, out.notes, path)
    return out


def _check_filled(records: Sequence[Record], notes: Notes, path: Path) -> None:
    if any(facts or normal for facts, normal in records):
        return
    unknown = ", ".join(list(notes.unknown_conditions)[:5])
    how = f"conditions that are not known: {unknown}" if unknown else None
    raise UserError("no label and no fact in it", where=str(path), how=how)


def join(captions: Captions, on_record: OnRecord | None, options: Options) -> Joined:
    """Give each caption what is on record for it.

    Raises:
        UserError: if no caption has a key that is on record.
    """
    if on_record is None:
        assert captions.records is not None
        ids = next(iter(captions.columns.values()), None) or [str(i + 1) for i in range(len(captions.texts))]
        patients, cluster = _cluster(captions.patients, [None] * len(ids), ids)
        told = {"column": None, "reference_column": None, "way": "same row"}
        return Joined(captions, list(captions.records), ids, patients, [], 0, [], told, cluster)
    if options.by_row:
        return _join_by_row(captions, on_record)
    where = (str(captions.path), str(on_record.path))
    given = (
        names.need_column(options.key, list(captions.columns), where[0], "--id-key") if options.key else None
    )
    found = keys.find_join(captions.columns, on_record.columns, given, _resolve(options, on_record), where)
    by_key: dict[str, list[int]] = {}
    for i, value in enumerate(on_record.columns[found.right]):
        if value is not None:
            by_key.setdefault(found.norm(value), []).append(i)
    merged: dict[str, Record] = {}
    ids = captions.columns[found.left]
    records: list[Record | None] = []
    known: list[str | None] = []
    unmatched = []
    for value, where_row in zip(ids, captions.wheres, strict=True):
        rows = by_key.get(found.norm(value)) if value is not None else None
        if value is None or rows is None:
            unmatched.append(value if value is not None else f"{where_row} (no key)")
            records.append(None)
            known.append(None)
            continue
        key = found.norm(value)
        if key not in merged:
            merged[key] = merge([on_record.records[i] for i in rows], on_record.notes, value)
        records.append(merged[key])
        known.append(on_record.patients[rows[0]])
    left = [k for k in by_key if k not in merged]
    shown = [str(on_record.columns[found.right][by_key[k][0]]) for k in left[:5]]
    patients, cluster = _cluster(captions.patients, known, [v or f"#{i}" for i, v in enumerate(ids)])
    told = {"column": found.left, "reference_column": found.right, "way": found.way}
    return Joined(captions, records, list(ids), patients, unmatched, len(left), shown, told, cluster)


def _resolve(options: Options, on_record: OnRecord) -> str | None:
    if not options.against_key:
        return None
    return names.need_column(
        options.against_key, list(on_record.columns), str(on_record.path), "--against-id-key"
    )


def _join_by_row(captions: Captions, on_record: OnRecord) -> Joined:
    n, m = len(captions.texts), len(on_record.records)
    if n != m:
        raise UserError(
            f"{n:,} captions, but {m:,} rows on record",
            where=str(captions.path),
            how="--by-row needs as many; or join by a column: --id-key",
        )
    ids: list[str] = [str(i + 1) for i in range(n)]
    patients, cluster = _cluster(captions.patients, on_record.patients, ids)
    told = {"column": None, "reference_column": None, "way": "row by row"}
    return Joined(captions, list(on_record.records), list(ids), patients, [], 0, [], told, cluster)


def _cluster(
    own: Sequence[str | None], theirs: Iterable[str | None], ids: Sequence[str | None]
) -> tuple[list[str], str]:
    """Return what intervals resample of each row: its patient where known, else its key."""
    found = [a or b for a, b in zip(own, theirs, strict=True)]
    if sum(p is not None for p in found) >= 0.5 * len(found):
        return [p or f"?{k}" for p, k in zip(found, ids, strict=True)], "patient"
    return [str(k) for k in ids], "key"


def name_files(paths: Sequence[Path]) -> list[str]:
    """Return a short name of each file, all different."""
    stems = [p.name.removesuffix(".gz").rsplit(".", 1)[0] for p in paths]
    twice = Counter(stems)
    named = [f"{p.parent.name}/{s}" if twice[s] > 1 else s for p, s in zip(paths, stems, strict=True)]
    again = Counter(named)
    return [f"{n} ({i})" if again[n] > 1 else n for i, n in enumerate(named, 1)]
