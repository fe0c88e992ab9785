"""LLaMA-Factory: ShareGPT JSON with dataset_info.json; LLaVA's own JSON beside it."""

from __future__ import annotations

import json
from typing import Any

from nastdata.exports.base import Export
from nastdata.exports.job import Job
from nastdata.exports.training.examples import NEEDS, Kind
from nastdata.exports.training.writing import list_parts, open_list, place_image

HOW = """
Training data for LLaMA-Factory (`pip install llamafactory`), in its ShareGPT form:

    llamafactory-cli train --stage sft --do_train --model_name_or_path MODEL --template TEMPLATE \\
        --dataset_dir {out} --media_dir {out} --dataset nast_mcq,nast_captions --output_dir run
    llamafactory-cli train --stage dpo --do_train --model_name_or_path MODEL --template TEMPLATE \\
        --dataset_dir {out} --media_dir {out} --dataset nast_dpo --output_dir run

| data set | one record |
|---|---|
| `nast_mcq` | a question with lettered options (MedNega twice, claim sets); the answer is the letter |
| `nast_captions` | an instruction; the answer is a caption |
| `nast_dpo` | an instruction; chosen: the true claim, rejected: a claim with one attribute altered |

`*_validation` are the same of the validation split. Images lie in `images/`, 8-bit, and are named relative to
`--media_dir`. `llava_*.json` are the same captions and questions in LLaVA's own form, for
`--data_path llava_mcq_train.json --image_folder {out}`.

Of a claim set all K - 1 false claims are paired with the true one, so that each pair occurs in both
directions in its group, and the texts alone do not tell which is chosen. Keep groups (`group_id`) whole
if you draw a part. To see what the text alone teaches, train once with blank images.
"""
TAGS = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}


def export(job: Job) -> None:
    """Write one JSON file a kind and split, LLaVA's twin, and dataset_info.json."""
    info: dict[str, Any] = {}
    for split, kind, examples in list_parts(job):
        name = f"nast_{kind}" if split == "train" else f"nast_{kind}_{split}"
        llava = f"llava_{kind}_{split}.json"
        with open_list(job, f"{name}.json") as write, open_list(job, llava) as write_llava:
            for e in examples:
                image = place_image(job, e)
                request = f"<image>{e.request}"
                if e.rejected is not None:
                    write(
                        {
                            "conversations": [{"from": "human", "value": request}],
                            "chosen": {"from": "gpt", "value": e.answer},
                            "rejected": {"from": "gpt", "value": e.rejected},
                            "images": [image],
                            **e.columns,
                        }
                    )
                    continue
                messages = [{"role": "user", "content": request}, {"role": "assistant", "content": e.answer}]
                write({"messages": messages, "images": [image], **e.columns})
                turns = [
                    {"from": "human", "value": f"<image>\n{e.request}"},
                    {"from": "gpt", "value": e.answer},
                ]
                write_llava({"id": e.key, "image": image, "conversations": turns})
        if f"{name}.json" in job.account.files:
            info[name] = _describe(name, kind)
    if info:
        (job.out / "dataset_info.json").write_text(json.dumps(info, indent=1) + "\n", encoding="utf-8")


def _describe(name: str, kind: Kind) -> dict[str, Any]:
    base: dict[str, Any] = {"file_name": f"{name}.json", "formatting": "sharegpt"}
    if kind == "dpo":
        columns = {
            "messages": "conversations",
            "chosen": "chosen",
            "rejected": "rejected",
            "images": "images",
        }
        return {**base, "ranking": True, "columns": columns}
    return {**base, "columns": {"messages": "messages", "images": "images"}, "tags": TAGS}


EXPORT = Export("LLaMA-Factory and LLaVA: ShareGPT JSON, preference pairs", NEEDS, HOW, export)
