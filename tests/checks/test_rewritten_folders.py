"""Folders damaged by somebody who writes every hash and count anew: each damage is named all the same."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from nastdata.checks.run import validate_folder
from nastdata.dataset.binding import bind_images, bind_rows
from nastdata.dataset.manifest import dump_manifest, hash_outputs
from nastdata.errors import UserError
from nastdata.pipeline import build
from nastdata.progress import Progress
from nastdata.recipe import load_recipe
from nastdata.records import COLUMN_ORDER, SPLITS

Rows = dict[str, list[dict[str, Any]]]
"""Split -> rows."""
QUICK = [("audit.enabled", "false"), ("seed", "3")]
BUILDS = {
    "mednega": [("phantom_patients", "500"), ("limit", "48")],
    "contextual": [("phantom_patients", "900"), ("limit", "60"), ("images", "embed")],
    "opposition": [("phantom_patients", "200"), ("limit", "24")],
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("built")
    for name, settings in BUILDS.items():
        build(load_recipe(name, [*QUICK, *settings]), root / name, Progress(quiet=True))
    return {name: root / name for name in BUILDS}


def read_rows(folder: Path, config: str) -> Rows:
    paths = {s: sorted((folder / "data" / config).glob(f"{s}-*.parquet")) for s in SPLITS}
    return {s: pl.concat([pl.read_parquet(p) for p in ps]).to_dicts() for s, ps in paths.items() if ps}


def write_rows(folder: Path, config: str, rows: Rows, *, bind: bool) -> None:
    """Write rows, then hashes and counts anew; with ``bind`` the digest of the rows too."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    place = folder / "data" / config
    schema = pl.read_parquet_schema(next(place.glob("*.parquet")))
    for old in place.glob("*.parquet"):
        old.unlink()
    frames = []
    for split, some in rows.items():
        frame = pl.DataFrame(some, schema=schema, orient="row")
        frame.write_parquet(place / f"{split}-00000-of-00001.parquet")
        frames.append(frame.with_columns(pl.lit(split).alias("split")))
    manifest["rows"][config] = {s: len(rows.get(s, ())) for s in SPLITS}
    manifest["counts"]["text"][config]["accepted"] = sum(map(len, rows.values()))
    if bind:
        files = {s: tuple(sorted(place.glob(f"{s}-*.parquet"))) for s in SPLITS}
        digests = {"rows": bind_rows(config, pl.concat(frames)), "images": bind_images(files, config)}
        manifest["bindings"][config] = digests
    manifest["outputs"] = hash_outputs(folder)
    path.write_bytes(dump_manifest(manifest))


def find_failures(folder: Path, against: tuple[str, ...] = ()) -> list[str]:
    return validate_folder(folder, audit=False, expectations=False, against=against).failed_rules


def swap(rows: list[dict[str, Any]], i: int, j: int, *columns: str) -> None:
    for c in columns:
        rows[i][c], rows[j][c] = rows[j][c], rows[i][c]


STUDY = ("patient_id", "study_id", "image_id", "image")


def rotate_studies(rows: Rows) -> None:
    group = [r for r in rows["train"] if r["group_id"] == rows["train"][0]["group_id"]]
    held = [{c: r[c] for c in STUDY} for r in group]
    for row, other in zip(group, held[1:] + held[:1], strict=True):
        row.update(other)


def of_text(change: Callable[[str], str], column: str) -> Callable[[Rows], None]:
    def damage(rows: Rows) -> None:
        value = rows["train"][0][column]
        rows["train"][0][column] = (
            [change(value[0]), *value[1:]] if isinstance(value, list) else change(value)
        )

    return damage


def put(column: str, value: Any) -> Callable[[Rows], None]:
    def damage(rows: Rows) -> None:
        rows["train"][0][column] = value(rows["train"][0][column]) if callable(value) else value

    return damage


def other_side(rows: Rows) -> None:
    """Captions' places, changed in text and fact together: they read back as they should."""
    changed = 0
    for row in rows["train"]:
        place = row["fact"]["location"]
        if place in ("left", "right") and f"on the {place}" in row["caption"]:
            other = {"left": "right", "right": "left"}[place]
            row["caption"] = row["caption"].replace(f"on the {place}", f"on the {other}")
            row["fact"]["location"] = other
            changed += 1
    assert changed


def rotate(*columns: str) -> Callable[[Rows], None]:
    def damage(rows: Rows) -> None:
        held = [{c: r[c] for c in columns} for r in rows["train"]]
        for row, other in zip(rows["train"], held[1:] + held[:1], strict=True):
            row.update(other)

    return damage


def exchange(a: str, b: str) -> Callable[[Rows], None]:
    def damage(rows: Rows) -> None:
        rows[a], rows[b] = rows[b], rows[a]

    return damage


def first(n: int, split: str = "train") -> Callable[[Rows], None]:
    def damage(rows: Rows) -> None:
        rows[split] = rows[split][:n]

    return damage


def swap_rows(*columns: str) -> Callable[[Rows], None]:
    return lambda rows: swap(rows["train"], 0, 5, *columns)


def swap_images(rows: Rows) -> None:
    swap(rows["train"], 0, 5, "image")


def flip_answer(rows: Rows) -> None:
    row = rows["train"][0]
    row["answer"] = "ABCD"[("ABCD".index(row["answer"]) + 1) % 4]


def next_claim(rows: Rows) -> None:
    row = rows["train"][0]
    row["answer"] = (row["answer"] + 1) % len(row["claims"])


def swap_claims(rows: Rows) -> None:
    row = rows["train"][0]
    row["claims"][0], row["claims"][1] = row["claims"][1], row["claims"][0]


TURNS = {"without": "with", "absent": "present", "lacking": "showing", "free of": "showing", " no ": " "}


def turn_polarity(rows: Rows) -> None:
    """The first text that denies something affirms it instead."""
    for row in rows["train"]:
        for i, text in enumerate(row["negated_choices"]):
            for cue, turned in TURNS.items():
                if cue in text:
                    row["negated_choices"][i] = text.replace(cue, turned, 1)
                    return
    raise AssertionError("no such text")


def duplicate(rows: Rows) -> None:
    rows["train"].append(dict(rows["train"][0]))


def move_patient(rows: Rows) -> None:
    rows["test"].append(rows["train"].pop(0))


DE = "Welche Kombination von Befunden zeigt diese Röntgenaufnahme?"
MEDNEGA: dict[str, Callable[[Rows], None]] = {
    "studies of a group rotated": rotate_studies,
    "two rows swap their studies": swap_rows(*STUDY),
    "two rows swap their patients": swap_rows("patient_id"),
    "two rows swap their images": swap_rows("image", "image_id"),
    "answer flipped": flip_answer,
    "test and validation exchanged": exchange("test", "validation"),
    "half of train removed": lambda rows: rows.update(train=rows["train"][: len(rows["train"]) // 2]),
    "one row removed": lambda rows: rows["train"].pop(),
    "row duplicated": duplicate,
    "patient moved": move_patient,
    "source renamed": put("source", "chexpert"),
    "unknown source": put("source", "mimic"),
    "upper-case text": of_text(str.upper, "negated_choices"),
    "upper-case affirmative text": of_text(str.upper, "affirmative_choices"),
    "lower-case text": of_text(str.lower, "negated_choices"),
    "double space": of_text(lambda t: t.replace(" ", "  ", 1), "negated_choices"),
    "hard space": of_text(lambda t: t.replace(" ", "\u00a0", 1), "negated_choices"),
    "homoglyph": of_text(lambda t: t.replace("a", "\u0430", 1), "negated_choices"),
    "zero-width space": of_text(lambda t: t[:4] + "\u200b" + t[4:], "negated_choices"),
    "trailing blank in a text": of_text(lambda t: t + " ", "negated_choices"),
    "polarity word gone": turn_polarity,
    "a word more": of_text(lambda t: t[:-1] + " and fever.", "negated_choices"),
    "other language": of_text(lambda t: "Kein Pneumothorax.", "negated_choices"),
    "markup": of_text(lambda t: f"<b>{t}</b>", "negated_choices"),
    "German question": put("question", DE),
    "question that names a finding": put("question", "Does this show edema?"),
    "question gone": put("question", ""),
    "item id with a blank": put("item_id", lambda v: v + " "),
    "item id of another": swap_rows("item_id"),
    "group id of another": swap_rows("group_id"),
    "two options swapped": lambda rows: rows["train"][0]["negated_choices"].reverse(),
    "labels swapped": lambda rows: rows["train"][0]["choice_labels"].reverse(),
    "conditions swapped": lambda rows: rows["train"][0]["conditions"].reverse(),
    "design renamed": put("design", "paper"),
    "realizer invented": put("realizer", "gpt-9"),
    "image of another study": lambda rows: rows["train"][0].update(image=rows["train"][5]["image"]),
    "image path out of the root": put("image", "../../etc/passwd"),
}
CAPTIONS: dict[str, Callable[[Rows], None]] = {
    "side changed in text and fact together": other_side,
    "two rows swap their studies": swap_rows(*STUDY),
    "all rows have their neighbour's study": rotate(*STUDY),
    "embedded images swapped": swap_images,
    "embedded image cut": lambda rows: rows["train"][0]["image"].update(
        bytes=rows["train"][0]["image"]["bytes"][:200]
    ),
    "polarity changed": put("polarity", lambda v: {"negated": "affirmative", "affirmative": "negated"}[v]),
    "texts of two rows swapped": swap_rows("caption"),
    "texts and facts of two rows swapped": swap_rows(
        "caption", "fact", "polarity", "negation_type", "realizer"
    ),
    "upper-case caption": of_text(str.upper, "caption"),
    "caption in another language": put("caption", "No hay derrame pleural."),
    "caption gone": put("caption", ""),
    "negation type changed": put("negation_type", lambda v: "none" if v == "existence" else "existence"),
}
CLAIMS: dict[str, Callable[[Rows], None]] = {
    "two sets swap their studies": swap_rows(*STUDY),
    "all sets have their neighbour's study": rotate(*STUDY),
    "answer moved": next_claim,
    "two claims swapped": swap_claims,
    "claim upper-case": of_text(str.upper, "claims"),
    "a claim twice": lambda rows: rows["train"][0]["claims"].__setitem__(1, rows["train"][0]["claims"][0]),
    "condition renamed": put("condition", "Edema (lung)"),
    "set duplicated": duplicate,
    "one set of a group removed": lambda rows: rows["train"].pop(0),
}
OPPOSITION: dict[str, Callable[[Rows], None]] = {
    "all images swapped": lambda rows: [  # type: ignore[dict-item]
        r.update(image=r["distractor_image"], distractor_image=r["image"]) for r in rows["train"]
    ],
    "prompts swapped": lambda rows: rows["train"][0].update(
        prompt=rows["train"][0]["distractor_prompt"], distractor_prompt=rows["train"][0]["prompt"]
    ),
    "one distractor of another": swap_rows("distractor_image"),
}
DAMAGE = [
    (name, config, what, change)
    for name, config, table in (
        ("mednega", "mednega", MEDNEGA),
        ("contextual", "contextual_captions", CAPTIONS),
        ("contextual", "contextual_claims", CLAIMS),
        ("opposition", "opposition", OPPOSITION),
    )
    for what, change in table.items()
]


@pytest.mark.parametrize(
    ("name", "config", "what", "change"), DAMAGE, ids=[f"{c}: {w}" for _, c, w, _ in DAMAGE]
)
def test_rewritten_rows_are_noticed(
    built: dict[str, Path], tmp_path: Path, name: str, config: str, what: str, change: Callable[[Rows], None]
) -> None:
    folder = Path(shutil.copytree(built[name], tmp_path / "copy"))
    rows = read_rows(folder, config)
    change(rows)
    write_rows(folder, config, rows, bind=False)
    assert find_failures(folder), what


NEEDS_THE_SOURCE = (
    "all rows have their neighbour's study",
    "side changed in text and fact together",
    "all sets have their neighbour's study",
)
"""Found without the digest by comparing with the source."""


@pytest.mark.parametrize(
    ("name", "config", "what", "change"),
    [d for d in DAMAGE if d[2] in NEEDS_THE_SOURCE],
    ids=[f"{c}: {w}" for _, c, w, _ in DAMAGE if w in NEEDS_THE_SOURCE],
)
def test_with_the_digest_written_anew_the_source_tells(
    built: dict[str, Path], tmp_path: Path, name: str, config: str, what: str, change: Callable[[Rows], None]
) -> None:
    folder = Path(shutil.copytree(built[name], tmp_path / "copy"))
    rows = read_rows(folder, config)
    change(rows)
    write_rows(folder, config, rows, bind=True)
    assert "against_source" in find_failures(folder, ("auto",)), what


@pytest.mark.parametrize(
    "what",
    ["studies of a group rotated", "test and validation exchanged", "source renamed", "German question"],
)
def test_some_damage_needs_neither_digest_nor_source(
    built: dict[str, Path], tmp_path: Path, what: str
) -> None:
    folder = Path(shutil.copytree(built["mednega"], tmp_path / "copy"))
    rows = read_rows(folder, "mednega")
    MEDNEGA[what](rows)
    write_rows(folder, "mednega", rows, bind=True)
    assert find_failures(folder), what


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    manifest["outputs"] = hash_outputs(folder)
    path.write_bytes(dump_manifest(manifest))


def drop_config(folder: Path) -> None:
    shutil.rmtree(folder / "data" / "contextual_claims")

    def forget(m: dict[str, Any]) -> None:
        for part in (m["rows"], m["bindings"], m["counts"]["text"], m["counts"]["design"]):
            part.pop("contextual_claims", None)

    edit(folder, forget)


FOLDERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "a config dropped with its entries": ("contextual", drop_config),
    "licence loosened": (
        "mednega",
        lambda f: edit(f, lambda m: m["sources"][0]["terms"].update(licence="cc0-1.0")),
    ),
    "review forged": (
        "mednega",
        lambda f: edit(f, lambda m: m["ontology"]["review"].update(status="reviewed by a radiologist")),
    ),
    "seed changed": ("mednega", lambda f: edit(f, lambda m: m.update(seed=99))),
    "recipe changed": ("mednega", lambda f: edit(f, lambda m: m["recipe"].update(design="paper"))),
    "digest removed": ("mednega", lambda f: edit(f, lambda m: m["bindings"]["mednega"].update(rows="0"))),
    "a source added": (
        "mednega",
        lambda f: edit(f, lambda m: m["sources"].append({**m["sources"][0], "name": "openi"})),
    ),
}


@pytest.mark.parametrize("what", FOLDERS)
def test_rewritten_manifests_are_noticed(built: dict[str, Path], tmp_path: Path, what: str) -> None:
    name, change = FOLDERS[what]
    folder = Path(shutil.copytree(built[name], tmp_path / "copy"))
    change(folder)
    assert find_failures(folder), what


@pytest.mark.parametrize("name", BUILDS)
def test_an_honest_folder_passes_against_its_source(built: dict[str, Path], name: str) -> None:
    assert not find_failures(built[name], ("auto",))


@pytest.mark.parametrize("given", ["/nowhere/labels.csv", "phantom=/nowhere"])
def test_files_of_a_source_that_reads_none_are_refused(built: dict[str, Path], given: str) -> None:
    with pytest.raises(UserError, match="the phantom reads no files") as told:
        find_failures(built["opposition"], (given,))
    assert "--against auto" in str(told.value) and given in str(told.value)


def test_no_rule_has_two_verdicts_on_one_config(built: dict[str, Path]) -> None:
    verdicts = validate_folder(built["mednega"], audit=False, expectations=False).verdicts
    names = [(v.rule, v.config) for v in verdicts]
    assert len(names) == len(set(names)) and ("ids", "mednega") in names and ("binding", "mednega") in names


def test_an_item_id_of_another_study_breaks_the_ids(built: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(built["mednega"], tmp_path / "copy"))
    rows = read_rows(folder, "mednega")
    swap(rows["train"], 0, 5, *STUDY)
    write_rows(folder, "mednega", rows, bind=True)
    failed = find_failures(folder)
    assert "ids" in failed and "binding" not in failed


def test_reshuffled_rows_are_the_same_rows(built: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(built["mednega"], tmp_path / "copy"))
    rows = read_rows(folder, "mednega")
    rows["train"].reverse()
    write_rows(folder, "mednega", rows, bind=False)
    assert not find_failures(folder)


def test_there_are_enough_ways() -> None:
    assert len(DAMAGE) + len(FOLDERS) >= 60
    assert COLUMN_ORDER
