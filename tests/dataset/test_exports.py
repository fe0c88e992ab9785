"""Exports, read back by the rules of the tools that they are for, against the dataset's own rows."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tool_readers import (
    CONTEXT,
    count_clip_tokens,
    open_image,
    read_conclip,
    read_neat,
    read_negbench_binary,
    read_negbench_mcq,
    read_negbench_retrieval,
    read_negclip,
    read_openclip_csv,
    read_webdataset,
)

from nastdata.dataset.folder import read_dataset, write_dataset
from nastdata.errors import UserError
from nastdata.exports import export_dataset, list_formats
from nastdata.images.export import ImagePlaces
from nastdata.images.store import ImageStore
from nastdata.pipeline import build
from nastdata.progress import Progress
from nastdata.recipe import load_recipe

LETTERS = "ABCD"


def make_build(name: str, out: Path, *settings: tuple[str, str]) -> Path:
    recipe = load_recipe(name, [("audit.enabled", "false"), ("phantom_patients", "100"), *settings])
    build(recipe, out, Progress(quiet=True))
    return out


def rows_of(folder: Path, config: str, split: str | None = None) -> list[dict[str, Any]]:
    files = sorted((folder / "data" / config).glob(f"{split or ''}*.parquet"))
    return pl.concat([pl.read_parquet(f) for f in files]).to_dicts()


def by_image(folder: Path, config: str) -> dict[str, list[dict[str, Any]]]:
    out: dict[str, list[dict[str, Any]]] = {}
    for row in rows_of(folder, config):
        out.setdefault(row["image"], []).append(row)
    return out


def relative(path: str, export: Path) -> str:
    return Path(path).relative_to(export / "images").as_posix()


def hash_tree(folder: Path) -> dict[str, str]:
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in folder.rglob("*")
        if p.is_file()
    }


@pytest.mark.parametrize("wording", ["negated", "affirmative"])
def test_negbench_mcq_of_mednega(mednega_build: Path, tmp_path: Path, wording: str) -> None:
    out = tmp_path / "out"
    export_dataset(mednega_build, "negbench", out, splits=("train",))
    wanted = rows_of(mednega_build, "mednega", "train")
    stem = f"train/mednega_{wording}"
    first = read_negbench_mcq(out / f"{stem}_mcq.csv", synthetic=False)
    shuffled = read_negbench_mcq(out / f"{stem}_mcq_shuffled.csv", synthetic=True)
    assert len(first) == len(shuffled) == len(wanted)
    for row, a, b in zip(wanted, first, shuffled, strict=True):
        choices = row[f"{wording}_choices"]
        truth = choices[LETTERS.index(row["answer"])]
        assert a["answer"] == 0 and a["captions"][0] == truth == b["captions"][b["answer"]]
        assert sorted(a["captions"]) == sorted(b["captions"]) == sorted(choices)
        assert len({" ".join(c.lower().split()) for c in a["captions"]}) == 4
        assert a["template"] == ("hybrid" if wording == "negated" else "positive")
        assert relative(a["image"], out) == row["image"]
        assert max(map(count_clip_tokens, a["captions"])) <= CONTEXT
    places = Counter(b["answer"] for b in shuffled)
    assert set(places) == {0, 1, 2, 3} and max(places.values()) < 0.45 * len(shuffled)


def test_negbench_binary_pairs_the_truth_with_a_falsehood(mednega_build: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_dataset(mednega_build, "negbench", out, splits=("train",))
    wanted = rows_of(mednega_build, "mednega", "train")
    pairs = read_negbench_binary(out / "train/mednega_negated_binary.csv")
    assert len(pairs) == len(wanted)
    for row, pair in zip(wanted, pairs, strict=True):
        choices = row["negated_choices"]
        assert pair["captions"][pair["answer"]] == choices[LETTERS.index(row["answer"])]
        assert pair["captions"][1 - pair["answer"]] in choices
        assert len(set(pair["captions"])) == 2
    assert 0.3 < sum(p["answer"] for p in pairs) / len(pairs) < 0.7


def test_negbench_retrieval_has_every_true_text_of_an_image_once(mednega_build: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_dataset(mednega_build, "negbench", out, splits=("train",))
    for wording in ("negated", "affirmative"):
        got = read_negbench_retrieval(out / f"train/mednega_{wording}_retrieval.csv")
        wanted: dict[str, set[str]] = {}
        for row in rows_of(mednega_build, "mednega", "train"):
            text = row[f"{wording}_choices"][LETTERS.index(row["answer"])]
            wanted.setdefault(row["image"], set()).add(text)
        assert {relative(p, out): set(c) for p, c in got.items()} == wanted
        assert all(len(c) == len(set(c)) for c in got.values())


def test_negbench_of_contextual(contextual_build: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_dataset(contextual_build, "negbench", out, splits=("train",))
    rows = by_image(contextual_build, "contextual_claims")
    first = read_negbench_mcq(out / "train/contextual_claims_mcq.csv", synthetic=False)
    read_negbench_mcq(out / "train/contextual_claims_mcq_shuffled.csv", synthetic=True)
    assert len(first) == len(rows_of(contextual_build, "contextual_claims", "train"))
    for got in first:
        of = [r for r in rows[relative(got["image"], out)] if set(got["captions"]) <= set(r["claims"])]
        assert any(r["claims"][r["answer"]] == got["captions"][0] for r in of)
        kind = {n for r in of for c, n in zip(r["claims"], r["claim_negations"], strict=True)}
        assert kind
    assert {g["template"] for g in first} == {"positive", "negative"}
    captions = {r["caption"]: r for r in rows_of(contextual_build, "contextual_captions", "train")}
    for name, negated in (("negated", True), ("affirmative", False)):
        got = read_negbench_retrieval(out / f"train/contextual_captions_{name}_retrieval.csv")
        for texts in got.values():
            assert all((captions[t]["negation_type"] != "none") == negated for t in texts)


def test_four_of_a_closed_family_of_claims_stay_balanced(contextual_build: Path, tmp_path: Path) -> None:
    """Which options are drawn tells nothing of which is true: it is true as often as any other."""
    out = tmp_path / "out"
    export_dataset(contextual_build, "negbench", out, splits=("train",))
    first = read_negbench_mcq(out / "train/contextual_claims_mcq.csv", synthetic=False)
    true, there = Counter(r["captions"][0] for r in first), Counter(c for r in first for c in r["captions"])
    shares = [true[c] / there[c] for c in there if there[c] >= 12]
    assert all(0.05 < s < 0.6 for s in shares)


def test_neat_inverts_polarity(mednega_build: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_dataset(mednega_build, "neat", out, splits=("train",))
    rows = by_image(mednega_build, "mednega")
    got = read_neat(out / "train/mednega_inversion.csv")
    assert len(got) == len({r["image"] for r in rows_of(mednega_build, "mednega", "train")})
    for entry in got:
        row = rows[relative(str(entry["filepath"]), out)][0]
        labels = row["choice_labels"][LETTERS.index(row["answer"])]
        assert entry["captions"][0] in row["negated_choices"]
        pos, neg, inverted = (entry[f"{k}_captions"][0] for k in ("pos", "neg", "inverted"))
        assert pos.count(" and ") + pos.count(",") == labels.count(1) - 1
        assert neg.count(" and ") + neg.count(",") == labels.count(0) - 1
        assert inverted.startswith(neg.rstrip(".")) and ", but without " in inverted


def test_conclip_reads_the_saved_dict(opposition_build: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    account = export_dataset(opposition_build, "ccneg", out, splits=("all",))
    held_out = account.facts["evaluation_rows"]
    train = rows_of(opposition_build, "opposition", "train")
    got = read_conclip(out, held_out)
    assert len(got) == len(train)
    for row, (image, prompt, other, negative) in zip(train, got, strict=True):
        assert (prompt, negative) == (row["prompt"], row["distractor_prompt"].replace(",", ""))
        assert relative(image, out) == row["image"] and relative(other, out) == row["distractor_image"]
        assert open_image(image) and open_image(other)
    assert f"num_ccneg_eval_samples = {held_out}" in (out / "README.md").read_text()


def test_conclip_of_groups_shows_an_image_of_which_the_false_prompt_is_true(
    mednega_build: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    export_dataset(mednega_build, "ccneg", out, splits=("train",))
    rows = by_image(mednega_build, "mednega")
    got = read_conclip(out, 0)
    assert len(got) == len(rows_of(mednega_build, "mednega", "train"))
    for image, prompt, other, negative in got:
        truths = [
            {
                r["negated_choices"][LETTERS.index(r["answer"])].replace(",", "")
                for r in rows[relative(p, out)]
            }
            for p in (image, other)
        ]
        assert prompt.replace(",", "") in truths[0] and negative in truths[1]
        assert negative not in truths[0]


@pytest.mark.parametrize("config", ["mednega", "contextual_claims", "opposition"])
def test_negclip_points_at_rows_of_which_a_false_text_is_true(
    request: pytest.FixtureRequest, tmp_path: Path, config: str
) -> None:
    build = request.getfixturevalue(f"{config.partition('_')[0]}_build")
    out = tmp_path / "out"
    account = export_dataset(build, "negclip", out, splits=("train",))
    got = read_negclip(out / "train.tsv")
    expected = len(rows_of(build, config, "train")) * (2 if config == "opposition" else 1)
    assert len(got) + sum(account.left_out.get("train.tsv", Counter()).values()) == expected
    assert len(got) > 0.9 * expected
    for row in got:
        assert row["title"] not in row["false"]
        for image, title, captions in row["mates"]:
            assert image != row["image"] and title in row["false"] and row["title"] in captions


def test_openclip_csv_holds_true_texts(contextual_build: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    account = export_dataset(contextual_build, "openclip", out)
    wanted = Counter(
        (r["image"], r["caption"]) for r in rows_of(contextual_build, "contextual_captions", "train")
    )
    for r in rows_of(contextual_build, "contextual_claims", "train"):
        wanted[(r["image"], r["claims"][r["answer"]])] += 1
    got = read_openclip_csv(out / "train.csv")
    assert Counter((relative(p, out), t) for p, t in got) == wanted
    assert account.files["train.csv"] == len(got)
    assert all(open_image(p) for p, _ in got[:20])


def test_webdataset_shards(mednega_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nastdata.exports import webdataset

    monkeypatch.setattr(webdataset, "SHARD_SAMPLES", 40)
    out = tmp_path / "out"
    account = export_dataset(mednega_build, "webdataset", out)
    rows = rows_of(mednega_build, "mednega", "train")
    samples = read_webdataset(out, "train")
    wanted = []
    for r in rows:
        i = LETTERS.index(r["answer"])
        wanted += [(f"{r['item_id']}-{w}", r[f"{w}_choices"][i]) for w in ("negated", "affirmative")]
    assert [(s["json"]["key"], s["txt"]) for s in samples] == wanted
    assert len({s["__key__"] for s in samples}) == len(samples)
    shards = sorted(p.name for p in out.glob("train-*.tar"))
    assert len(shards) == -(-len(samples) // 40)
    assert account.facts["train_shards"] == f"train-{{000000..{len(shards) - 1:06d}}}.tar"
    assert account.facts["train_samples"] == len(samples)


def test_nast_json(mednega_build: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_dataset(mednega_build, "nast", out)
    for split in ("train", "test"):
        rows = rows_of(mednega_build, "mednega", split)
        data = json.loads((out / f"mednega_{split}.json").read_text())
        assert len(data) == len(rows)
        for row, item in zip(rows, data, strict=True):
            kinds = ("binary_raw_choice", "negation_mcq_choice", "affirmative_mcq_choice")
            names = {f"{k}_{i}" for k in kinds for i in range(1, 5)}
            assert set(item) == names | {"subject_id", "study_id", "question", "correct_answer"}
            assert (item["subject_id"], item["study_id"]) == (row["patient_id"], row["study_id"])
            assert item["correct_answer"] == row["answer"]
            for i in range(4):
                raw = dict(zip(row["conditions"], row["choice_labels"][i], strict=True))
                assert item[f"binary_raw_choice_{i + 1}"] == raw
                assert item[f"negation_mcq_choice_{i + 1}"] == row["negated_choices"][i]
                assert item[f"affirmative_mcq_choice_{i + 1}"] == row["affirmative_choices"][i]


@pytest.mark.parametrize("name", sorted(list_formats()))
def test_same_build_same_export(mednega_build: Path, tmp_path: Path, name: str) -> None:
    for place in ("a", "b"):
        export_dataset(mednega_build, name, tmp_path / place / "out", splits=("test",), paths="relative")
    a, b = (hash_tree(tmp_path / place / "out") for place in ("a", "b"))
    for tree in (a, b):
        tree.pop("README.md")
    assert a == b and len(a) > 2


def test_relative_paths_move_with_the_folder(mednega_build: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_dataset(mednega_build, "openclip", out, splits=("test",), paths="relative")
    moved = out.rename(tmp_path / "elsewhere")
    got = read_openclip_csv(moved / "test.csv")
    assert all(open_image(str(moved / path)) for path, _ in got)


def test_images_of_a_corpus_are_looked_up_and_missing_ones_counted(
    mednega_build: Path, tmp_path: Path
) -> None:
    drawn = tmp_path / "drawn"
    export_dataset(mednega_build, "openclip", drawn, splits=("test",))
    root = drawn / "images"
    gone = sorted({r["image"] for r in rows_of(mednega_build, "mednega", "test")})[0]
    (root / gone).unlink()
    out = tmp_path / "out"
    account = export_dataset(mednega_build, "openclip", out, splits=("test",), roots={"phantom": root})
    rows = rows_of(mednega_build, "mednega", "test")
    missing = sum(2 for r in rows if r["image"] == gone)
    assert account.left_out["test.csv"] == Counter({"image not found": missing})
    assert len(read_openclip_csv(out / "test.csv")) == 2 * len(rows) - missing
    assert any(gone in note for note in account.notes)
    assert not (out / "images").exists()


def test_embedded_images_are_unpacked(tmp_path: Path) -> None:
    folder = make_build("mednega", tmp_path / "d", ("limit", "24"), ("images", "embed"))
    out = tmp_path / "out"
    export_dataset(folder, "openclip", out, splits=("train",))
    stored = {r["image"]["path"]: r["image"]["bytes"] for r in rows_of(folder, "mednega", "train")}
    got = read_openclip_csv(out / "train.csv")
    assert {relative(p, out): Path(p).read_bytes() for p, _ in got} == stored


def test_an_embedded_name_can_not_lead_out_of_the_export(tmp_path: Path) -> None:
    places = ImagePlaces(tmp_path, tmp_path, ImageStore())
    for name in ("../x.png", "/etc/x.png", "a/../../x.png"):
        with pytest.raises(UserError, match="leads out"):
            places.place("chexpert", {"path": name, "bytes": b"x"})
    assert not list(tmp_path.iterdir())


def restricted(folder: Path, out: Path, image: str | None = "files/a.jpg") -> Path:
    """The same rows as of a corpus whose images are elsewhere."""
    opened = read_dataset(folder)
    frame = opened.read("mednega").with_columns(
        pl.lit("mimic-cxr").alias("source"), pl.lit(image, pl.String).alias("image")
    )
    manifest = dict(opened.manifest or {})
    terms = {
        "licence": "DUA",
        "may_leave_machine": False,
        "may_publish": "no",
        "citation": "c",
        "url": "",
        "note": "",
    }
    manifest["sources"] = [
        {"name": "mimic-cxr", "title": "MIMIC", "one_report_one_patient": False, "terms": terms, "files": []}
    ]
    manifest["recipe"] = {**manifest["recipe"], "source": ["mimic-cxr"]}
    rejects = opened.read_rejects()
    assert rejects is not None
    return write_dataset(out, {"mednega": frame}, rejects, manifest)


def test_without_a_root_paths_stay_as_the_corpus_has_them(mednega_build: Path, tmp_path: Path) -> None:
    folder = restricted(mednega_build, tmp_path / "folder")
    account = export_dataset(folder, "openclip", tmp_path / "out", splits=("test",))
    assert {p for p, _ in read_openclip_csv(tmp_path / "out" / "test.csv")} == {"files/a.jpg"}
    assert any("--image-root mimic-cxr=FOLDER" in note for note in account.notes)
    with pytest.raises(UserError, match="mimic-cxr"):
        export_dataset(folder, "webdataset", tmp_path / "shards", splits=("test",))
    assert not (tmp_path / "shards").exists()
    blank = restricted(mednega_build, tmp_path / "blank", image=None)
    with pytest.raises(UserError, match="no image"):
        export_dataset(blank, "openclip", tmp_path / "none", splits=("test",))
    assert not (tmp_path / "none").exists()


def test_long_texts_are_left_out_and_counted(mednega_build: Path, tmp_path: Path) -> None:
    opened = read_dataset(mednega_build)
    frame = opened.read("mednega")
    long = "There is no pneumothorax, " * 30
    changed = frame.with_columns(
        pl.when(pl.int_range(pl.len()) == 0)
        .then(pl.concat_list([pl.col("negated_choices").list.head(3), pl.lit([long])]))
        .otherwise("negated_choices")
        .alias("negated_choices")
    )
    rejects = opened.read_rejects()
    assert rejects is not None
    folder = write_dataset(tmp_path / "d", {"mednega": changed}, rejects, dict(opened.manifest or {}))
    account = export_dataset(folder, "negbench", tmp_path / "out", splits=("all",))
    assert sum(c["more than 77 tokens"] for c in account.left_out.values()) == 1


@pytest.mark.parametrize("kind", ["other", "inside", "file", "format", "split"])
def test_wrong_use_is_told_and_leaves_nothing(mednega_build: Path, tmp_path: Path, kind: str) -> None:
    out, name, splits = tmp_path / "out", "openclip", ("test",)
    if kind == "other":
        out.mkdir()
        (out / "mine.txt").write_text("mine")
    elif kind == "inside":
        out = mednega_build / "out"
    elif kind == "file":
        out.write_text("mine")
    elif kind == "format":
        name = "openclop"
    else:
        splits = ("tset",)
    before = hash_tree(tmp_path)
    with pytest.raises(UserError):
        export_dataset(mednega_build, name, out, splits=splits)
    assert hash_tree(tmp_path) == before and not (mednega_build / "out").exists()


def test_command_writes_and_tells(mednega_build: Path, tmp_path: Path, run: Any) -> None:
    out = tmp_path / "out"
    done = run("export", str(mednega_build), "--format", "negbench", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert f"{out}/test/mednega_negated_mcq.csv: " in done.stdout
    told = json.loads((out / "export.json").read_text())
    assert told["format"] == "negbench" and told["splits"] == ["test"]
    again = run("export", str(mednega_build), "--format", "negbench", "--out", str(out))
    assert again.returncode == 0
    wrong = run("export", str(mednega_build), "--format", "negbank", "--out", str(out))
    assert wrong.returncode == 2 and "negbench" in wrong.stderr and "Traceback" not in wrong.stderr
