"""Hugging Face ``messages``: conversations as chat templates take them, images within."""

from __future__ import annotations

from typing import Any

from nastdata.exports.base import Export
from nastdata.exports.job import Job
from nastdata.exports.training.examples import NEEDS
from nastdata.exports.training.writing import MessageTable, list_parts

HOW = """
Conversations for any chat template of transformers, images within the files:

    from datasets import load_dataset
    rows = load_dataset("parquet", data_files="{out}/mcq_train.parquet", split="train")
    processor.apply_chat_template(rows[0]["messages"], tokenize=False)

`messages` is a list of `role` and `content`; the user's content is an image part and a text part, the
assistant's a text part. `images` holds the image. TRL's `SFTTrainer` takes these files too. Preference
pairs (`dpo_*`) have the true answer in `messages` and the false one in `rejected_messages`. Not every
export has every file: the table below lists what there is.

To see what the text alone teaches, train once with blank images.
"""


def export(job: Job) -> None:
    """Write one parquet file a kind and split."""
    for split, kind, examples in list_parts(job):
        pairs = kind == "dpo"
        columns = ("messages", "rejected_messages") if pairs else ("messages",)
        with MessageTable(job, f"{kind}_{split}.parquet", columns, typed=True) as table:
            for e in examples:
                rows = {"messages": _converse(e.request, e.answer)}
                if e.rejected is not None:
                    rows["rejected_messages"] = _converse(e.request, e.rejected)
                table.write(e, **rows)


def _converse(request: str, answer: str) -> list[dict[str, Any]]:
    image, text = {"type": "image", "text": None}, {"type": "text", "text": request}
    return [
        {"role": "user", "content": [image, text]},
        {"role": "assistant", "content": [{"type": "text", "text": answer}]},
    ]


EXPORT = Export("Hugging Face messages: parquet, images within", NEEDS, HOW, export)
