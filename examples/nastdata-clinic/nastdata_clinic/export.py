"""The format ``jsonl``: one JSON object for each question, one file for each split."""

from __future__ import annotations

import json

from nastdata.exports.base import Export
from nastdata.exports.job import Job


def write(job: Job) -> None:
    """Write every question of every config, with its options and the number of the right one."""
    for split in job.splits:
        name = f"{split}.jsonl"
        rows = 0
        with (job.out / name).open("w", encoding="utf-8") as file:
            for question in job.questions(split):
                line = {"id": question.key, "options": list(question.texts), "answer": question.answer}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                rows += 1
        job.finish(name, rows)


EXPORT = Export(
    reads="anything that reads JSON lines",
    needs="mednega or contextual_claims",
    how="One object a line: `id`, `options`, `answer` (counted from 0).\n\n    head -1 {out}/test.jsonl\n",
    write=write,
    splits=("train", "validation", "test"),
)
