"""A few rows of each config, taken apart for showing: texts with marked differences, and lineage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from nastdata.images.find import ImageLoader
from nastdata.images.thumbnails import make_data_uri
from nastdata.records import LETTERS
from nastdata.report.highlights import Piece, mark_difference
from nastdata.seeded import draw_int

Row = Mapping[str, Any]
PER_CONFIG = 6
TRIES = 400
"""Rows looked at for examples that differ in condition."""


@dataclass(frozen=True)
class Line:
    """One text of an example: a letter or name, whether it is true, its pieces, and the second wording."""

    label: str
    true: bool
    pieces: list[Piece]
    other: list[Piece]
    note: str = ""


@dataclass(frozen=True)
class Example:
    """One row as shown."""

    id: str
    title: str
    tags: tuple[str, ...]
    question: str
    lines: list[Line]
    pictures: list[tuple[str, str]]
    """(caption, data address)."""
    lineage: list[tuple[str, str]]


def pick_examples(
    config: str, frame: pl.DataFrame, sources: Mapping[str, Row], loader: ImageLoader | None
) -> list[Example]:
    """Pick rows that differ in condition, by hashed draws: the same rows for the same frame."""
    chosen: dict[int, None] = {}
    seen: set[str] = set()
    for k in range(TRIES if len(frame) else 0):
        at = draw_int(0, "report", config, k) % len(frame)
        about = str(_about(frame, config, at))
        if at not in chosen and (about not in seen or k >= TRIES // 2):
            chosen[at] = None
            seen.add(about)
        if len(chosen) >= min(PER_CONFIG, len(frame)):
            break
    starts = dict(frame.with_row_index("at").group_by("split").agg(pl.col("at").min()).iter_rows())
    out = []
    for at in chosen:
        row = frame.row(at, named=True)
        lines, question, title, tags = SHOW[config](row)
        pictures = _find_pictures(row, loader)
        place = f"{config}, {row['split']}, row {at - starts[row['split']]}"
        lineage = [*_trace(config, row, sources.get(row["source"])), ("where", place)]
        out.append(Example(str(row[ID[config]]), title, tags, question, lines, pictures, lineage))
    return out


def _about(frame: pl.DataFrame, config: str, at: int) -> object:
    if config == "mednega":
        return frame["conditions"][at].to_list()
    if config == "contextual_captions":
        return (frame["fact"][at]["condition"], frame["negation_type"][at])
    return (frame["condition"][at], frame["negation_type"][at] if config == "contextual_claims" else "")


def _find_pictures(row: Row, loader: ImageLoader | None) -> list[tuple[str, str]]:
    out = []
    for column, caption in (("image", row["image_id"]), ("distractor_image", row.get("distractor_image_id"))):
        held = row.get(column)
        data = held["bytes"] if isinstance(held, dict) else None
        if isinstance(held, str) and loader is not None:
            data = loader(row["source"], held)
        address = make_data_uri(data) if data else None
        if address:
            out.append((str(caption), address))
    return out


def _show_mednega(row: Row) -> tuple[list[Line], str, str, tuple[str, ...]]:
    lines = []
    for letter, labels, negated, affirmative in zip(
        LETTERS, row["choice_labels"], row["negated_choices"], row["affirmative_choices"], strict=True
    ):
        left, right = mark_difference(negated, affirmative)
        pairs = zip(row["conditions"], labels, strict=True)
        note = ", ".join(f"{c} {'present' if v == 1 else 'absent'}" for c, v in pairs)
        lines.append(Line(letter, letter == row["answer"], left, right, note))
    return lines, row["question"], ", ".join(row["conditions"]), (row["design"],)


def _show_claims(row: Row) -> tuple[list[Line], str, str, tuple[str, ...]]:
    true = row["claims"][row["answer"]]
    lines = []
    for i, (claim, fact, altered) in enumerate(
        zip(row["claims"], row["claim_facts"], row["altered"], strict=True)
    ):
        right = i == row["answer"]
        pieces = [(claim, False)] if right else mark_difference(true, claim)[1]
        note = _tell_fact(fact) + (f"; altered: {altered}" if altered else "")
        lines.append(Line(str(i + 1), right, pieces, [], note))
    tags = (row["negation_type"], row["set_kind"].replace("_", " "))
    return lines, "Which claim is true of this image?", row["condition"], tags


def _show_caption(row: Row) -> tuple[list[Line], str, str, tuple[str, ...]]:
    line = Line("", True, [(row["caption"], False)], [], _tell_fact(row["fact"]))
    return [line], "", row["fact"]["condition"], (row["polarity"], row["negation_type"])


def _show_probe(row: Row) -> tuple[list[Line], str, str, tuple[str, ...]]:
    left, right = mark_difference(row["correct"], row["foil"])
    lines = [Line("correct", True, left, []), Line("foil", False, right, [])]
    return lines, "", row["condition"], (f"negation in the {row['negation_in']}",)


def _show_opposition(row: Row) -> tuple[list[Line], str, str, tuple[str, ...]]:
    left, right = mark_difference(row["prompt"], row["distractor_prompt"])
    lines = [Line(row["image_id"], True, left, []), Line(row["distractor_image_id"], True, right, [])]
    return lines, "", row["condition"], (row["style"], row["polarity"])


def _show_protocol(row: Row) -> tuple[list[Line], str, str, tuple[str, ...]]:
    facts = zip(row["choices"], row["choice_facts"], strict=True)
    lines = [
        Line(str(i + 1), i == row["answer"], [(text, False)], [], _tell_fact(fact))
        for i, (text, fact) in enumerate(facts)
    ]
    return lines, row["question"], row["condition"], (row["protocol"].replace("_", " "), row["polarity"])


SHOW: dict[str, Callable[[Row], tuple[list[Line], str, str, tuple[str, ...]]]] = {
    "mednega": _show_mednega,
    "contextual_claims": _show_claims,
    "contextual_captions": _show_caption,
    "probes": _show_probe,
    "opposition": _show_opposition,
    "protocols": _show_protocol,
}
ID = {
    "mednega": "item_id",
    "contextual_claims": "set_id",
    "contextual_captions": "caption_id",
    "probes": "pair_id",
    "opposition": "pair_id",
    "protocols": "item_id",
}
"""Config -> the column that names its rows."""


def _tell_fact(fact: Row) -> str:
    return ", ".join(str(fact[k]) for k in ("condition", "existence", "location", "severity") if fact[k])


def _trace(config: str, row: Row, source: Row | None) -> list[tuple[str, str]]:
    """List where a row comes from, and how it was made."""
    out = [("row", str(row[ID[config]]))]
    out += [(k, str(row[k])) for k in ("group_id", "plan_id", "realizer", "design") if row.get(k)]
    out += [(k, str(row[k])) for k in ("study_id", "patient_id", "image_id")]
    if isinstance(row["image"], str):
        out.append(("image", row["image"]))
    out.append(("source", f"{source['title']} ({row['source']})" if source else str(row["source"])))
    for file in (source or {}).get("files", []):
        out.append(
            ("read from", f"{file['name']}, {file['rows']:,} rows, sha256 {file['sha256'][:16]}\u2026")
        )
    return out
