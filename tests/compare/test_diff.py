"""What changed between two folders: seeds, versions, and every kind of mutation, found and named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from commands import Run
from dataset_frames import make_frames, make_manifest, make_rejects
from hypothesis import given, settings
from hypothesis import strategies as st
from small_builds import build_small

from nastdata.compare.page import render_page
from nastdata.compare.rows import compare_rows
from nastdata.compare.run import Comparison, compare_folders
from nastdata.compare.terminal import list_lines
from nastdata.dataset.folder import read_dataset, write_dataset

CONFIGS = tuple(make_frames(1))
Change = Callable[[pl.DataFrame], pl.DataFrame]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "a", make_frames(30), make_rejects(), make_manifest())


def mutate(folder: Path, config: str, change: Change) -> Path:
    """Write a copy in which one config is changed and nothing else is recorded anew."""
    out = Path(shutil.copytree(folder, folder.with_name("b")))
    for path in out.glob(f"data/{config}/train-*.parquet"):
        change(pl.read_parquet(path)).write_parquet(path)
    return out


def count(a: Path, b: Path, config: str) -> dict[str, int]:
    found = compare_folders(a, b)
    others = [c for c in found.configs if c.config != config]
    assert not any(c.changed for c in others)
    diff = next(c for c in found.configs if c.config == config)
    assert diff.unchanged + sum(
        diff.counts[k] for k in ("truth", "reworded", "moved", "image", "other", "removed")
    ) >= sum(diff.before.rows.values())
    return {k: n for k, n in diff.counts.items() if n}


def at_first(column: str, value: pl.Expr) -> Change:
    """Change a column of the first row."""

    def change(frame: pl.DataFrame) -> pl.DataFrame:
        first = pl.int_range(pl.len()) == 0
        return frame.with_columns(pl.when(first).then(value).otherwise(pl.col(column)).alias(column))

    return change


def swap(one: str, other: str) -> Change:
    """Exchange two columns of the first row."""

    def change(frame: pl.DataFrame) -> pl.DataFrame:
        first = pl.int_range(pl.len()) == 0
        return frame.with_columns(
            pl.when(first).then(pl.col(other)).otherwise(pl.col(one)).alias(one),
            pl.when(first).then(pl.col(one)).otherwise(pl.col(other)).alias(other),
        )

    return change


def flip_fact(frame: pl.DataFrame) -> pl.DataFrame:
    rows = frame.to_dicts()
    rows[0]["fact"]["existence"] = "absent" if rows[0]["fact"]["existence"] == "present" else "present"
    return pl.DataFrame(rows, schema=frame.schema)


MUTATIONS: dict[str, tuple[str, Change, dict[str, int]]] = {
    "another answer": ("mednega", at_first("answer", pl.lit("B")), {"truth": 1}),
    "another label": (
        "mednega",
        at_first("choice_labels", pl.lit([[0, 1, 1], [0, 1, 0], [1, 0, 0], [1, 1, 1]])),
        {"truth": 1}),
    "another claim is true": ("contextual_claims", at_first("answer", pl.lit(2)), {"truth": 1}),
    "a fact flipped": ("contextual_captions", flip_fact, {"truth": 1}),
    "a polarity flipped": ("contextual_captions", at_first("polarity", pl.lit("negated")), {"truth": 1}),
    "correct and foil exchanged": ("probes", swap("correct", "foil"), {"truth": 1}),
    "prompts exchanged": ("opposition", swap("prompt", "distractor_prompt"), {"truth": 1}),
    "a caption reworded": ("contextual_captions", at_first("caption", pl.lit("New words.")), {"reworded": 1}),
    "a stem reworded": ("mednega", at_first("question", pl.lit("What is seen?")), {"reworded": 1}),
    "a claim reworded": (
        "contextual_claims", at_first("claims", pl.col("claims").list.tail(4).list.concat(pl.lit(["New."]))),
        {"reworded": 1}),
    "another image": ("probes", at_first("image", pl.lit("other.jpg")), {"image": 1}),
    "another writer": ("mednega", at_first("realizer", pl.lit("local")), {"other": 1}),
    "another study": ("mednega", at_first("study_id", pl.lit("s999")), {"removed": 1, "added": 1}),
    "a row left out": ("probes", lambda f: f.slice(1), {"removed": 1}),
    "a row doubled": ("probes", lambda f: pl.concat([f, f.head(1)]), {"added": 1}),
    "rows in another order": ("mednega", lambda f: f.reverse(), {}),
    "all ids new": ("mednega", lambda f: f.with_columns(pl.col("item_id", "group_id") + "x"), {}),
    "options in another order": (
        "mednega",
        lambda f: f.with_columns(
            *(pl.col(c).list.reverse() for c in ("choice_labels", "negated_choices", "affirmative_choices")),
            pl.col("answer").replace_strict(list("ABCD"), list("DCBA"))),
        {"other": 18}),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTATIONS)
def test_every_kind_of_change_is_found_and_named(folder: Path, name: str) -> None:
    config, change, wanted = MUTATIONS[name]
    other = mutate(folder, config, change)
    assert count(folder, other, config) == wanted
    back = {"removed": "added", "added": "removed"}
    assert count(other, folder, config) == {back.get(k, k): n for k, n in wanted.items()}


def test_a_row_in_another_split_has_moved(folder: Path) -> None:
    frames = {c: f.with_columns(split=pl.lit("test")) for c, f in make_frames(30).items()}
    other = write_dataset(folder.with_name("b"), frames, make_rejects(), make_manifest())
    diff = next(c for c in compare_folders(folder, other).configs if c.config == "probes")
    assert {k: n for k, n in diff.counts.items() if n} == {"moved": 24} and diff.unchanged == 6


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from("xyz"), st.booleans()), max_size=12),
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from("xyz"), st.booleans()), max_size=12),
)
def test_rows_are_accounted_for_whatever_stands_twice(
    tmp_path_factory: pytest.TempPathFactory, one: list[Any], two: list[Any]
) -> None:
    """Before = unchanged + changed + removed; after = unchanged + changed + added; nothing without rows."""
    folder = tmp_path_factory.mktemp("pairs")
    frames = []
    for name, rows in (("a", one), ("b", two)):
        base = make_frames(1)["contextual_captions"].to_dicts()[0]
        made = [
            {**base, "caption_id": f"k{i}", "study_id": f"s{s}", "caption": t,
             "polarity": "negated" if p else "affirmative"} for i, (s, t, p) in enumerate(rows)
        ]  # fmt: skip
        frame = pl.DataFrame(made, schema=make_frames(1)["contextual_captions"].schema)
        frames.append(frame)
        configs = {"contextual_captions": frame, "probes": make_frames(2)["probes"]}
        write_dataset(folder / name, configs, make_rejects(), make_manifest())
    a, b = (read_dataset(folder / n) for n in ("a", "b"))
    diff = compare_rows(a, b, "contextual_captions", 5)
    changed = len(frames[0]) - diff.unchanged - diff.counts["removed"]
    assert changed >= 0 and len(frames[1]) == diff.unchanged + changed + diff.counts["added"]
    assert diff.counts["truth"] <= changed and diff.counts["reworded"] <= changed
    shared = {(s, t, p) for s, t, p in one} & {(s, t, p) for s, t, p in two}
    assert diff.unchanged >= len(shared)


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    base = tmp_path_factory.mktemp("seeds")
    limits = ("--limit", "40", "--set", "audit.enabled=false")
    return (
        build_small(base / "one", "contextual", *limits),
        build_small(base / "two", "contextual", *limits, "--seed", "1", "--set", "claims.k_min=4"),
    )


def test_the_same_recipe_with_two_seeds(seeds: tuple[Path, Path]) -> None:
    found = compare_folders(*seeds)
    keys = {k: (a, b) for k, a, b in found.manifests["recipe"]}
    assert keys["seed"] == (0, 1) and keys["claims.k_min"][1] == 4
    assert not found.manifests["terms"] and any("different people" in n for n in found.notes)
    for c in found.configs:
        assert c.counts["removed"] > 0.8 * sum(c.before.rows.values())
    same = compare_folders(seeds[0], seeds[0])
    assert not same.differ and list(list_lines(same))[2] == "no difference"


def test_two_versions(folder: Path) -> None:
    def change(m: dict[str, Any]) -> None:
        m["nastdata"], m["libraries"]["polars"] = "0.2.0", "3"
        m["sources"][0]["terms"]["licence"] = "Another Agreement"
        m["audit"]["solvers"][0]["accuracy"] = 0.5
        m["recipe"]["writer"]["realizer"] = "local"
        signed = [{"name": "A", "role": "r", "date": "d", "scope": "s"}]
        m["review"] = {"status": "reviewed", "sign_offs": signed, "figures": {"items": {"sampled": 3}}}

    other = Path(shutil.copytree(folder, folder.with_name("b")))
    manifest = json.loads((other / "manifest.json").read_text())
    change(manifest)
    (other / "manifest.json").write_text(json.dumps(manifest))
    found = compare_folders(folder, other).manifests
    assert ("nastdata", "0.1.0", "0.2.0") in found["versions"] and ("polars", "2", "3") in found["versions"]
    assert ("chexpert.licence", "Some Agreement", "Another Agreement") in found["terms"]
    assert ("writer.realizer", "template", "local") in found["recipe"]
    assert [(round(a, 3), b) for _, a, b in found["audit"]] == [(0.249, 0.5)]
    assert ("status", "not reviewed", "reviewed") in found["review"]


def test_folders_without_manifests_or_with_other_columns(folder: Path) -> None:
    other = mutate(folder, "probes", lambda f: f.drop("negation_in"))
    (other / "manifest.json").unlink()
    found = compare_folders(folder, other)
    assert any("no manifest.json" in n for n in found.notes)
    probes = next(c for c in found.configs if c.config == "probes")
    assert probes.counts["truth"] == 18 and found.manifests["recipe"]


def test_a_config_that_one_side_lacks(folder: Path) -> None:
    other = Path(shutil.copytree(folder, folder.with_name("b")))
    shutil.rmtree(other / "data/probes")
    diff = next(c for c in compare_folders(folder, other).configs if c.config == "probes")
    assert diff.counts["removed"] == 30 and not diff.after.rows


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)


ATTACK = "</style><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[31mred\x07"


def test_terminal_and_page_show_truths_first_and_data_as_text(folder: Path) -> None:
    other = mutate(folder, "contextual_captions", at_first("caption", pl.lit(ATTACK)))
    for path in other.glob("data/mednega/train-*.parquet"):
        at_first("answer", pl.lit("B"))(pl.read_parquet(path)).write_parquet(path)
    found: Comparison = compare_folders(folder, other)
    lines = list(list_lines(found))
    text = "\n".join(lines)
    assert "\x1b[31m\x1b[1mmednega: 1 truth changed\x1b[0m" in text, "in red"
    assert text.index("truth changed") < text.index("reworded: 1")
    assert "\\x1b[31mred\\x07" in text and "\x07" not in text
    page = render_page(found)
    tags = Tags()
    tags.feed(page)
    assert not {"script", "img", "iframe", "link"} & set(tags.seen)
    assert page.index("Truths changed: 1") < page.index("Reworded: 1")
    assert "default-src 'none'" in page and "alert(1)" in page


def test_the_command(folder: Path, run: Run, tmp_path: Path) -> None:
    other = mutate(folder, "mednega", at_first("answer", pl.lit("B")))
    done = run("diff", str(folder), str(other), "--html", str(tmp_path / "d.html"), "--exit-code")
    assert done.returncode == 1 and "mednega: 1 truth changed" in done.stdout and "\x1b" not in done.stdout
    assert "What changed" in (tmp_path / "d.html").read_text()
    told = json.loads(run("diff", str(folder), str(other), "--json", "--examples", "1").stdout)
    assert told["schema"] == "nastdata-diff-1" and told["differ"]
    example = told["rows"]["mednega"]["examples"]["truth"][0]
    assert example["before"]["truth"] != example["after"]["truth"]
    assert run("diff", str(folder), str(folder), "--exit-code").returncode == 0
    wrong = run("diff", str(folder), str(tmp_path / "nowhere"))
    assert wrong.returncode == 2 and "no such folder" in wrong.stderr


def test_parts_on_the_disk_give_the_same_as_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nastdata.compare.spill as spill

    other = mutate(folder, "mednega", lambda f: at_first("answer", pl.lit("B"))(f).slice(0, 15))
    whole = compare_folders(folder, other).to_json()
    monkeypatch.setattr(spill, "PART_ROWS", 4)
    monkeypatch.setattr(spill, "BATCH", 3)
    parts = compare_folders(folder, other).to_json()
    for config in CONFIGS:
        for key in ("unchanged", "truth", "reworded", "removed", "added", "cells"):
            assert parts["rows"][config][key] == whole["rows"][config][key]
