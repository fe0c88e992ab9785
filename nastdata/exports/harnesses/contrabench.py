"""CXR-ContraBench: its protocol files, one a config and wording, with images."""

from __future__ import annotations

import json

from nastdata.exports.base import Export
from nastdata.exports.harnesses.items import NEEDS, copy_files, list_items, list_tasks, write_image
from nastdata.exports.job import Job
from nastdata.llm.answers.reader import LETTERS

HOW = """
Protocol files for the scripts of CXR-ContraBench (`fangzr/cxr-contrabench-code`, REPO below). From any
folder:

    PYTHONPATH=REPO python REPO/scripts/eval_vqa.py --protocol {out}/mednega_negated.json --model NAME \\
        --output results.json
    PYTHONPATH=REPO python REPO/scripts/analyze_results.py --input results.json

`eval_vqa.py` calls a function of yours (question, options, image paths) -> letter; as it is, it draws
letters at random. Its `*_blind.json` twins have no image: a model that gets more than chance there
solves them unseen. A server can be asked by `python {out}/ask_server.py {out}/mednega_negated.json --url
http://localhost:8000/v1 --model NAME --output results.json`, which writes the same result file and
counts unusable answers.

Only its exact match means something here. Its repair step (`apply_verifier.py`) takes the positive twin of a
single negated option; MedNega and claim sets have no such pair, so it changes nothing. In the original
design, where it does fire, it is the rule that solves the presence probe without the image: see
`docs/protocols.md`.
"""


def export(job: Job) -> None:
    """Write protocols, with images and without."""
    for config, task in list_tasks(job):
        records: dict[str, list[dict[str, object]]] = {}
        for item in list_items(job, config):
            image = write_image(job, item)
            path = str(job.images.final / image) if job.images.paths == "absolute" else image
            for wording, options in item.wordings.items():
                name = f"{task}_{wording}" if len(item.wordings) > 1 else task
                records.setdefault(name, []).append(
                    {
                        "sample_id": f"{item.key}-{wording}",
                        "question": item.question,
                        "options": [f"{x}. {t}" for x, t in zip(LETTERS, options, strict=False)],
                        "gold_letter": item.letter,
                        "image_paths": [path],
                        "study_id": item.patient,
                        "metadata": {
                            "task_name": f"nast_{name}",
                            "wording": wording,
                            "item_id": item.key,
                            "group_id": item.group,
                            "group_size": item.group_size,
                            "patient_id": item.patient,
                            "category": item.category,
                        },
                    }
                )
        for name, rows in records.items():
            for ending, some in (("", rows), ("_blind", [{**r, "image_paths": []} for r in rows])):
                path_of = job.out / f"{name}{ending}.json"
                text = json.dumps({"records": some}, ensure_ascii=False, indent=1)
                path_of.write_text(text + "\n", encoding="utf-8")
                job.finish(path_of.name, len(some))
    if job.account.files:
        copy_files(job, "ask_server.py", "nast_answer_reader.py", "forms.json", "nast_metrics.py")


EXPORT = Export("CXR-ContraBench: protocol files", NEEDS, HOW, export, ("test",))
