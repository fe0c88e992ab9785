"""lmms-eval: a folder of tasks, with images in parquet files, to be named with ``--include_path``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nastdata.exports.base import Export
from nastdata.exports.harnesses.items import NEEDS, Item, copy_files, list_items, list_tasks, read_image
from nastdata.exports.job import Job

HOW = """
Tasks of lmms-eval. Install it with `pip install lmms-eval 'filelock<4'` (filelock 4 breaks it).

    HF_HUB_OFFLINE=1 lmms-eval --model openai \\
        --model_args model_version=NAME,base_url=http://localhost:8000/v1,api_key=none,num_concurrent=8 \\
        --include_path {out} --tasks nast --batch_size 1 --log_samples --output_path results

Any other model of lmms-eval is named as usual. One task alone: `--tasks nast_mednega`, `nast_claims`.
The text-only control has no image and the same texts: `--tasks nast_blind`. A model that gets more than
chance there solves the questions without seeing.

A failed evaluation ends with exit code 0: look for `*_results.json`. The letters need few tokens; a
model that thinks first needs `--gen_kwargs max_new_tokens=4096`. `--limit N` takes the first N
documents: a MedNega group is 4 items in 2 wordings, so give multiples of 8.

| metric | what |
|---|---|
| `negated`, `affirmative`, `claims` | accuracy; lmms-eval adds the standard error clustered by patient |
| `gap` | affirmative minus negated, paired by item |
| `whole_groups_*` | share of groups with every item right; 0 for a model that ignores the image |
| `unusable` | share of answers from which no option could be read; they count as wrong |

The prompt is the question, a line `A. text` for each option, and `Answer with one letter: A, B, C or D.`
Answers are read by `nast_answer_reader.py`, which never guesses.
"""
FILES = ("nast_answer_reader.py", "forms.json", "nast_metrics.py")
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("item_id", "group_id")),
        ("group_size", pa.int64()),
        *((name, pa.string()) for name in ("patient_id", "split", "category", "question")),
        ("wordings", pa.list_(pa.string())),
        ("choices", pa.list_(pa.list_(pa.string()))),
        ("answer", pa.string()),
        ("image", IMAGE),
    ]
)
STRING = {"dtype": "string", "_type": "Value"}
FEATURES: dict[str, Any] = {
    **{f.name: STRING for f in SCHEMA},
    "group_size": {"dtype": "int64", "_type": "Value"},
    "wordings": {"feature": STRING, "_type": "List"},
    "choices": {"feature": {"feature": STRING, "_type": "List"}, "_type": "List"},
    "image": {"_type": "Image"},
}
ROWS = 100
"""Of a row group: images are big."""
TASK = """task: {name}
dataset_path: parquet
dataset_kwargs:
  data_files:
    test: data/{task}.parquet
test_split: test
output_type: generate_until
process_docs: !function utils.process_docs
doc_to_visual: !function utils.{visual}
doc_to_text: !function utils.doc_to_text
doc_to_target: !function utils.doc_to_target
process_results: !function utils.process_results
generation_kwargs:
  max_new_tokens: 64
  temperature: 0
  do_sample: false
  until: []
cluster_key: patient_id
score_key: score
metric_list:
{metrics}lmms_eval_specific_kwargs:
  default:
    pre_prompt: ""
    post_prompt: ""
metadata:
  version: 1.0
"""


def export(job: Job) -> None:
    """Write tasks, their helpers and one parquet file a task."""
    names = []
    for config, task in list_tasks(job):
        wordings = _write_rows(job, config, task)
        if not wordings:
            continue
        names.append(task)
        for name, visual in ((f"nast_{task}", "doc_to_visual"), (f"nast_{task}_blind", "doc_to_no_visual")):
            text = TASK.format(name=name, task=task, visual=visual, metrics=_list_metrics(wordings))
            (job.out / f"{name}.yaml").write_text(text, encoding="utf-8")
    if not names:
        return
    for group, ending in (("nast", ""), ("nast_blind", "_blind")):
        tasks = "".join(f"  - nast_{n}{ending}\n" for n in names)
        (job.out / f"{group}.yaml").write_text(f"group: {group}\ntask:\n{tasks}", encoding="utf-8")
    copy_files(job, *FILES)
    from nastdata.exports.harnesses.items import read_file

    (job.out / "utils.py").write_bytes(read_file("lmms_utils.py"))


def _list_metrics(wordings: list[str]) -> str:
    named = [(w, "agg_accuracy") for w in wordings]
    named += [("gap", "agg_gap")] if len(wordings) > 1 else []
    named += [(f"whole_groups_{w}", "agg_whole_groups") for w in wordings]
    out = "".join(
        f"  - metric: {metric}\n    aggregation: !function utils.{function}\n    higher_is_better: true\n"
        for metric, function in named
    )
    return out + (
        "  - metric: unusable\n    aggregation: !function utils.agg_unusable\n    higher_is_better: false\n"
    )


def _write_rows(job: Job, config: str, task: str) -> list[str]:
    """Write a task's rows; return its wordings, none if there are no rows."""
    path = job.out / "data" / f"{task}.parquet"
    path.parent.mkdir(exist_ok=True)
    info = json.dumps({"info": {"features": FEATURES}}, separators=(",", ":"))
    wordings: list[str] = []
    rows, held = 0, list[dict[str, Any]]()
    with pq.ParquetWriter(path, SCHEMA.with_metadata({"huggingface": info}), compression="zstd") as writer:
        for item in list_items(job, config):
            wordings = list(item.wordings)
            held.append(_to_row(job, item))
            rows += 1
            if len(held) == ROWS:
                writer.write_table(pa.Table.from_pylist(held, SCHEMA))
                held.clear()
        if held:
            writer.write_table(pa.Table.from_pylist(held, SCHEMA))
    job.finish(path.relative_to(job.out).as_posix(), rows)
    return wordings


def _to_row(job: Job, item: Item) -> dict[str, Any]:
    data = read_image(job, item)
    return {
        "item_id": item.key,
        "group_id": item.group,
        "group_size": item.group_size,
        "patient_id": item.patient,
        "split": item.split,
        "category": item.category,
        "question": item.question,
        "wordings": list(item.wordings),
        "choices": [list(o) for o in item.wordings.values()],
        "answer": item.letter,
        "image": {"bytes": data, "path": Path(item.key).name},
    }


EXPORT = Export("lmms-eval: tasks with images, and a text-only control", NEEDS, HOW, export, ("test",))
