"""What other people's harnesses and trainers need of our files; the tools themselves run in benchmarks/."""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from nastdata.errors import UserError
from nastdata.exports import export_dataset
from nastdata.llm.answers.questions import word_question
from nastdata.resources import find_resource

HARNESSES = ("lmms-eval", "inspect", "vlmevalkit", "contrabench")
TRAINERS = ("llamafactory", "swift", "trl", "messages")


def load_module(path: Path, name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    before = {k: sys.modules.pop(k, None) for k in ("nast_metrics", "nast_answer_reader")}
    try:
        spec.loader.exec_module(module)
    finally:
        for k, v in before.items():
            sys.modules.pop(k, None)
            if v is not None:
                sys.modules[k] = v
        sys.path[:] = [p for p in sys.path if p != str(path.parent)]
    return module


def test_lmms_eval_documents_and_metrics(mednega_build: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    import yaml

    account = export_dataset(mednega_build, "lmms-eval", tmp_path / "out", splits=("train",))
    out = tmp_path / "out"
    utils = load_module(out / "utils.py", "nast_lmms_utils")
    rows = datasets.load_dataset(
        "parquet", data_files=str(out / "data/mednega.parquet"), split="train", cache_dir=str(tmp_path / "c")
    )
    assert len(rows) == account.files["data/mednega.parquet"]
    docs = utils.process_docs(rows)
    assert len(docs) == 2 * len(rows)
    assert [d["wording"] for d in docs.select(range(4))] == ["negated", "affirmative"] * 2
    assert docs[0]["group_id"] == docs[7]["group_id"] != docs[8]["group_id"]
    assert utils.doc_to_visual(docs[0])[0].mode == "RGB"
    assert utils.doc_to_no_visual(docs[0]) == []
    asked = utils.doc_to_text(docs[0], {"pre_prompt": "", "post_prompt": ""})
    assert asked == word_question(docs[0]["question"], rows[0]["choices"][0])
    results = [utils.process_results(d, [d["answer"]]) for d in docs]
    assert utils.agg_accuracy([r["negated"] for r in results if "negated" in r]) == 1
    assert utils.agg_whole_groups([r["whole_groups_negated"] for r in results if "negated" in r]) == 1
    blind = [utils.process_results(d, ["A chest radiograph shows no finding."]) for d in docs]
    assert utils.agg_unusable([r["unusable"] for r in blind]) == 1
    always = [utils.process_results(d, ["B"]) for d in docs]
    assert utils.agg_accuracy([r["affirmative"] for r in always if "affirmative" in r]) == 0.25
    assert utils.agg_whole_groups([r["whole_groups_negated"] for r in always if "negated" in r]) == 0
    assert utils.agg_gap([r["gap"] for r in always]) == 0
    assert "score" not in results[0]["gap"]
    text = (out / "nast_mednega.yaml").read_text().replace("!function ", "")
    task = yaml.safe_load(text)
    assert task["dataset_kwargs"]["data_files"]["test"] == "data/mednega.parquet"
    assert task["generation_kwargs"]["until"] == []
    assert {m["metric"] for m in task["metric_list"]} == {k for r in results for k in r}
    named = [v for v in task.values() if isinstance(v, str) and v.startswith("utils.")]
    assert all(hasattr(utils, n.removeprefix("utils.")) for n in named)
    assert yaml.safe_load((out / "nast_blind.yaml").read_text())["task"] == ["nast_mednega_blind"]


def test_inspect_rows(contextual_build: Path, tmp_path: Path) -> None:
    export_dataset(contextual_build, "inspect", tmp_path / "out", splits=("train",))
    rows = [json.loads(x) for x in (tmp_path / "out/claims.jsonl").read_text().splitlines()]
    assert len({r["id"] for r in rows}) == len(rows)
    for r in rows:
        assert 2 <= len(r["choices"]) <= 7
        assert "ABCDEFG".index(r["target"]) < len(r["choices"])
        assert (tmp_path / "out" / r["image"]).is_file()
    sizes = Counter(r["group_id"] for r in rows)
    assert all(sizes[r["group_id"]] == r["group_size"] for r in rows)
    runs = [r["group_id"] for i, r in enumerate(rows) if not i or rows[i - 1]["group_id"] != r["group_id"]]
    assert len(runs) == len(set(runs))
    compile((tmp_path / "out/nast_inspect.py").read_text(), "nast_inspect.py", "exec")


def test_vlmevalkit_tables(mednega_build: Path, tmp_path: Path) -> None:
    export_dataset(mednega_build, "vlmevalkit", tmp_path / "out", splits=("train",))
    csv.field_size_limit(1 << 24)
    for name in ("NAST_MedNega", "NAST_MedNega_Blind"):
        with (tmp_path / f"out/{name}.tsv").open(newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        assert [int(r["index"]) for r in rows] == list(range(len(rows)))
        by_index = {r["index"]: r for r in rows}
        for r in rows:
            image = r["image"]
            if len(image) <= 64:
                image = by_index[image]["image"]
                assert len(image) > 64
            assert base64.b64decode(image).startswith((b"\x89PNG", b"\xff\xd8"))
            assert r["answer"] in "ABCD"
            assert not r["E"]
            assert r["split"] in ("negated", "affirmative")
            assert not {r[x] for x in "ABCD"} & {"None", "NA", "null", ""}
        owners = sum(len(r["image"]) > 64 for r in rows)
        assert owners == (1 if name.endswith("Blind") else len(rows) // 2)
    config = json.loads((tmp_path / "out/config.json").read_text())
    assert set(config["data"]) == {"NAST_MedNega", "NAST_MedNega_Blind"}


def test_vlmevalkit_predictions_are_scored(mednega_build: Path, tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    export_dataset(mednega_build, "vlmevalkit", tmp_path / "out", splits=("train",))
    csv.field_size_limit(1 << 24)
    with (tmp_path / "out/NAST_MedNega.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    with (tmp_path / "p.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*(c for c in rows[0] if c != "image"), "prediction"])
        writer.writeheader()
        for r in rows:
            said = f"The answer is {r['answer']}." if r["wording"] == "negated" else "A or B"
            writer.writerow({**{k: v for k, v in r.items() if k != "image"}, "prediction": said})
    command = [sys.executable, str(tmp_path / "out/nast_score.py"), str(tmp_path / "p.csv"), "--json"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert (found["negated"]["accuracy"], found["negated"]["whole_groups"]) == (1, 1)
    assert (found["affirmative"]["unusable"], found["gap"]) == (1, -1)


def test_contrabench_protocols_and_a_server(mednega_build: Path, tmp_path: Path) -> None:
    from vision_server import serve_vision

    export_dataset(mednega_build, "contrabench", tmp_path / "out", splits=("validation",), paths="relative")
    data = json.loads((tmp_path / "out/mednega_negated.json").read_text())
    assert set(data) == {"records"}
    for r in data["records"]:
        assert all(o.startswith(f"{x}. ") for x, o in zip("ABCD", r["options"], strict=True))
        assert r["gold_letter"] in "ABCD"
        assert (tmp_path / "out" / r["image_paths"][0]).is_file()
    blind = json.loads((tmp_path / "out/mednega_negated_blind.json").read_text())
    assert all(r["image_paths"] == [] for r in blind["records"])
    with serve_vision(lambda q: "C" if q.image else "I cannot see an image.") as (url, seen):
        command = [sys.executable, str(tmp_path / "out/ask_server.py"), "--url", url, "--model", "m"]
        command += ["--output", str(tmp_path / "r.json"), str(tmp_path / "out/mednega_negated.json")]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert len(seen.questions) == len(data["records"])
    results = json.loads((tmp_path / "r.json").read_text())["records"]
    right = sum(r["gold_letter"] == "C" for r in results) / len(results)
    assert f"accuracy {right:.4f}" in said


@pytest.mark.parametrize("name", HARNESSES)
def test_every_harness_export_explains_itself(mednega_build: Path, tmp_path: Path, name: str) -> None:
    export_dataset(mednega_build, name, tmp_path / "out", splits=("test",))
    readme = (tmp_path / "out/README.md").read_text()
    assert str(tmp_path / "out") in readme
    assert "{out}" not in readme
    assert "blind" in readme.lower() or "text-only" in readme
    assert "may be published" in readme
    reader = (tmp_path / "out/nast_answer_reader.py").read_bytes()
    assert reader == (find_resource("llm") / "answers/reader.py").read_bytes()
    told = json.loads((tmp_path / "out/export.json").read_text())
    assert told["terms"]["may_publish"] == "yes"


@pytest.mark.parametrize("name", ["inspect", "lmms-eval", "vlmevalkit", "contrabench", "swift"])
def test_rows_without_an_image_leave_with_their_group(
    contextual_build: Path, tmp_path: Path, name: str
) -> None:
    from folders import copy_folder, edit_rows

    damaged = copy_folder(contextual_build, tmp_path / "damaged")
    lost: dict[str, Any] = {}

    def drop(rows: list[dict[str, Any]]) -> None:
        rows[0]["image"] = None
        lost.update(group=rows[0]["group_id"], rows=sum(r["group_id"] == rows[0]["group_id"] for r in rows))

    edit_rows(damaged, "contextual_claims", drop)
    whole = export_dataset(contextual_build, name, tmp_path / "whole", splits=("train",))
    less = export_dataset(damaged, name, tmp_path / "less", splits=("train",))
    where = "mcq train" if name == "swift" else "claims"
    assert less.left_out[where]["no image"] == 1
    assert sum(less.left_out[where].values()) == lost["rows"]
    file = next(f for f in whole.files if "mcq" in f or "claims" in f.lower())
    assert whole.files[file] - less.files[file] == lost["rows"]


def test_nothing_to_ask_is_refused(opposition_build: Path, tmp_path: Path) -> None:
    for name in HARNESSES:
        with pytest.raises(UserError, match="nothing could be exported"):
            export_dataset(opposition_build, name, tmp_path / name, splits=("all",))
        assert not (tmp_path / name).exists()


def test_a_split_without_rows_of_the_config_is_the_reason(contextual_build: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(contextual_build, tmp_path / "folder"))
    for path in (folder / "data/contextual_claims").glob("test-*"):
        path.unlink()
    with pytest.raises(UserError) as told:
        export_dataset(folder, "contrabench", tmp_path / "out")
    said = str(told.value)
    assert "contextual_claims has no rows in test, only in train" in said
    assert "--split train" in said and "opposition" not in said


def test_images_that_are_not_found_bring_the_option_up(mednega_build: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(mednega_build, tmp_path / "folder"))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sources"][0]["name"] = "own"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    for path in (folder / "data/mednega").glob("*.parquet"):
        pl.read_parquet(path).with_columns(pl.lit("own").alias("source")).write_parquet(path)
    for roots, said in (({}, "--image-root own=FOLDER"), ({"own": tmp_path}, "they are not where you said")):
        with pytest.raises(UserError, match="image not found") as told:
            export_dataset(folder, "contrabench", tmp_path / "out", roots=roots, splits=("all",))
        assert said in str(told.value) and "another format" not in str(told.value)
    assert not (tmp_path / "out").exists()


def test_preference_pairs_are_reversible(contextual_build: Path, tmp_path: Path) -> None:
    """Every pair occurs in both directions in its group, so no text is chosen more often than rejected."""
    export_dataset(contextual_build, "swift", tmp_path / "out", splits=("train",))
    rows = [json.loads(x) for x in (tmp_path / "out/dpo_train.jsonl").read_text().splitlines()]
    pairs = {(r["group_id"], r["messages"][1]["content"], r["rejected_response"]) for r in rows}
    closed = [p for p in pairs if (p[0], p[2], p[1]) in pairs]
    assert len(closed) == len(pairs) > 50
    assert {r["altered"] for r in rows} == {"existence", "location", "severity"}
    score: Counter[str] = Counter()
    for _, chosen, rejected in pairs:
        score[chosen] += 1
        score[rejected] -= 1
    assert set(score.values()) == {0}
    assert len({r["messages"][0]["content"] for r in rows}) > 4
    for r in rows:
        assert r["messages"][0]["content"].count("<image>") == len(r["images"]) == 1
        assert Path(r["images"][0]).is_file()


def test_llamafactory_files_are_described(contextual_build: Path, tmp_path: Path) -> None:
    account = export_dataset(contextual_build, "llamafactory", tmp_path / "out")
    info = json.loads((tmp_path / "out/dataset_info.json").read_text())
    assert {"nast_mcq", "nast_captions", "nast_dpo", "nast_captions_validation"} <= set(info)
    for name, about in info.items():
        rows = json.loads((tmp_path / "out" / about["file_name"]).read_text())
        assert len(rows) == account.files[about["file_name"]]
        assert all(c in rows[0] for c in about["columns"].values()), name
        assert all((tmp_path / "out" / r["images"][0]).is_file() for r in rows)
        human = [r.get("messages", r.get("conversations"))[-2 if "messages" in r else -1] for r in rows]
        assert all(str(h).count("<image>") == 1 for h in human)
    llava = json.loads((tmp_path / "out/llava_mcq_train.json").read_text())
    assert all((tmp_path / "out" / r["image"]).is_file() for r in llava)


@pytest.mark.parametrize("name", ["trl", "messages"])
def test_parquet_of_conversations(contextual_build: Path, tmp_path: Path, name: str) -> None:
    datasets = pytest.importorskip("datasets")
    account = export_dataset(contextual_build, name, tmp_path / "out", splits=("train",))
    for file, rows in account.files.items():
        found = datasets.load_dataset(
            "parquet", data_files=str(tmp_path / "out" / file), split="train", cache_dir=str(tmp_path / "c")
        )
        assert len(found) == rows
        row = found[0]
        assert row["images"][0].size[0] > 16
        if name == "trl":
            wanted = {"prompt", "chosen", "rejected"} if "dpo" in file else {"prompt", "completion"}
            assert all(isinstance(row[c][0]["content"], str) for c in wanted)
            assert "<image>" not in row["prompt"][0]["content"]
        else:
            kinds = [p["type"] for p in row["messages"][0]["content"]]
            assert kinds == ["image", "text"]
            assert row["messages"][1]["role"] == "assistant"


def test_instructions_name_no_finding_and_no_negation() -> None:
    from nastdata.exports.training.examples import load_instructions
    from nastdata.ontology import load_ontology

    names = {c.text for c in load_ontology("chest_xray").conditions}
    for kind in ("caption", "claim", "choose"):
        texts = load_instructions()[kind]
        assert len(set(texts)) == len(texts) >= 4
        for text in texts:
            assert not {"no", "not", "without"} & set(text.lower().replace(",", " ").split())
            assert not any(n in text.lower() for n in names)


@pytest.mark.parametrize("name", [*HARNESSES, *TRAINERS])
def test_same_build_same_bytes(mednega_build: Path, tmp_path: Path, name: str) -> None:
    def hash_tree(folder: Path) -> dict[str, str]:
        files = sorted(f for f in folder.rglob("*") if f.is_file())
        return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}

    split = ("validation",)
    export_dataset(mednega_build, name, tmp_path / "a", splits=split, paths="relative")
    first = hash_tree(tmp_path / "a")
    export_dataset(mednega_build, name, tmp_path / "a", splits=split, paths="relative")
    assert hash_tree(tmp_path / "a") == first
