"""inspect_ai: a file of tasks, JSONL files, and images."""

from __future__ import annotations

import json

from nastdata.exports.base import Export
from nastdata.exports.harnesses.items import NEEDS, copy_files, list_items, list_tasks, write_image
from nastdata.exports.job import Job

HOW = """
Tasks of inspect_ai (`pip install inspect-ai openai`). The model may be any of inspect's; a server of
your own:

    export LOCAL_BASE_URL=http://localhost:8000/v1 LOCAL_API_KEY=none
    inspect eval {out}/nast_inspect.py@mednega --model openai-api/local/NAME
    inspect eval {out}/nast_inspect.py@claims --model openai-api/local/NAME

| option | what |
|---|---|
| `-T images=false` | the text-only control: a model that gets more than chance here solves questions unseen |
| `-T wording=negated`, `-T wording=affirmative` | one wording of MedNega |
| `-T shuffle=7` | another order of options |
| `-T cot=true` | think first; the answer ends with `ANSWER: LETTER` |
| `-T max_tokens=4096` | for models that think before they answer |

Metrics: accuracy, its standard error clustered by patient, accuracy by wording, `gap` (affirmative minus
negated, paired by item), `whole_groups` (every item of a group right; 0 for a model that ignores the image),
`unusable` (no option could be read; counted as wrong). `--limit N` takes the first N samples: a MedNega
group is 8 samples in a row, so give multiples of 8.

The prompt is the question, a line `A. text` for each option, and `Answer with one letter: A, B, C or D.`
Answers are read by `nast_answer_reader.py`, which never guesses. `--log-images` would put the images
into the logs: leave it off where the terms of the corpus forbid copies. An evaluation that fails may
still end with exit code 0: look at `status` in the log.
"""
FILES = ("nast_inspect.py", "nast_answer_reader.py", "forms.json", "nast_metrics.py")


def export(job: Job) -> None:
    """Write one JSONL file a task, its images, and the tasks."""
    for config, task in list_tasks(job):
        path = job.out / f"{task}.jsonl"
        rows = 0
        with path.open("w", encoding="utf-8") as file:
            for item in list_items(job, config):
                image = write_image(job, item)
                for wording, options in item.wordings.items():
                    row = {
                        "id": f"{item.key}-{wording}",
                        "question": item.question,
                        "choices": list(options),
                        "target": item.letter,
                        "image": image,
                        "wording": wording,
                        "item_id": item.key,
                        "group_id": item.group,
                        "group_size": item.group_size,
                        "patient_id": item.patient,
                        "category": item.category,
                        "split": item.split,
                    }
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
                    rows += 1
        job.finish(path.name, rows)
    if job.account.files:
        copy_files(job, *FILES)


EXPORT = Export("inspect_ai: tasks, with a text-only control", NEEDS, HOW, export, ("test",))
