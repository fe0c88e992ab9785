"""NAST's own JSON: one object a question, with the raw choices and both wordings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nastdata.exports.base import Export
from nastdata.exports.job import Job

NEEDS = "mednega"
HOW = """
`mednega_SPLIT.json` is what NAST's evaluation reads: a list of objects with `subject_id`, `study_id`,
`question`, `binary_raw_choice_1..4` (condition to 0 or 1), `negation_mcq_choice_1..4`,
`affirmative_mcq_choice_1..4` and `correct_answer` (`"A"` to `"D"`). It has no image paths:
`mednega_SPLIT_images.csv` has them, row by row.

    python -c "import json; print(len(json.load(open('{out}/mednega_test.json'))))"
"""


def export(job: Job) -> None:
    """Write one JSON list, and its images, a split."""
    for split in job.splits:
        if split not in job.folder.files.get("mednega", {}):
            continue
        name = f"mednega_{split}.json"
        rows = 0
        with (
            job.table(f"mednega_{split}_images.csv", ("study_id", "image_path")) as images,
            (job.out / name).open("w", encoding="utf-8") as file,
        ):
            for row in job.rows("mednega", split):
                path = job.images.place(row["source"], row["image"])
                images.write(row["study_id"], path or "")
                file.write(("[\n" if rows == 0 else ",\n") + json.dumps(_translate(row), ensure_ascii=False))
                rows += 1
            file.write("\n]\n" if rows else "[]\n")
        job.finish(name, rows)


def _translate(row: Mapping[str, Any]) -> dict[str, Any]:
    out = {"subject_id": row["patient_id"], "study_id": row["study_id"], "question": row["question"]}
    for i, labels in enumerate(row["choice_labels"], 1):
        out[f"binary_raw_choice_{i}"] = dict(zip(row["conditions"], labels, strict=True))
    for i, text in enumerate(row["negated_choices"], 1):
        out[f"negation_mcq_choice_{i}"] = text
    for i, text in enumerate(row["affirmative_choices"], 1):
        out[f"affirmative_mcq_choice_{i}"] = text
    return {**out, "correct_answer": row["answer"]}


EXPORT = Export(
    reads="NAST's own JSON",
    needs=NEEDS,
    how=HOW,
    write=export,
    splits=("train", "validation", "test"),
)
