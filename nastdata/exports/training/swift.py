"""ms-swift: JSONL of messages and images, and preference pairs."""

from __future__ import annotations

from typing import Any

from nastdata.exports.base import Export
from nastdata.exports.job import Job
from nastdata.exports.training.examples import NEEDS
from nastdata.exports.training.writing import list_parts, open_lines, place_image, state_path

HOW = """
Training data for ms-swift (`pip install ms-swift`):

    swift sft --model MODEL --dataset {out}/mcq_train.jsonl {out}/captions_train.jsonl \\
        --val_dataset {out}/mcq_validation.jsonl --output_dir run
    swift rlhf --rlhf_type dpo --model MODEL --dataset {out}/dpo_train.jsonl --output_dir run

`mcq_*`: a question with lettered options, the answer is the letter. `captions_*`: an instruction, the
answer is a caption. `dpo_*`: the answer is the true claim, `rejected_response` a claim with one
attribute altered (`altered`). Not every export has every file: the table below lists what there is.

Paths of images are absolute. With `--relative` they count from the folder where swift is started: go
there first (`cd {out}`).

Of a claim set all K - 1 false claims are paired with the true one, so that each pair occurs in both
directions in its group, and the texts alone do not tell which is chosen. Keep groups (`group_id`) whole
if you draw a part. To see what the text alone teaches, train once with blank images.
"""


def export(job: Job) -> None:
    """Write one JSONL file a kind and split."""
    for split, kind, examples in list_parts(job):
        with open_lines(job, f"{kind}_{split}.jsonl") as write:
            for e in examples:
                row: dict[str, Any] = {
                    "messages": [
                        {"role": "user", "content": f"<image>{e.request}"},
                        {"role": "assistant", "content": e.answer},
                    ],
                    "images": [state_path(job, place_image(job, e))],
                }
                if e.rejected is not None:
                    row["rejected_response"] = e.rejected
                write({**row, **e.columns})


EXPORT = Export("ms-swift: JSONL, preference pairs", NEEDS, HOW, export)
