"""TRL: parquet with images for supervised fine-tuning and preference training."""

from __future__ import annotations

from typing import Any

from nastdata.exports.base import Export
from nastdata.exports.job import Job
from nastdata.exports.training.examples import NEEDS
from nastdata.exports.training.writing import MessageTable, list_parts

HOW = """
Training data for TRL (`pip install trl`), images within the files:

    from datasets import load_dataset
    train = load_dataset("parquet", data_files="{out}/sft_mcq_train.parquet", split="train")
    SFTTrainer(MODEL, args=SFTConfig(completion_only_loss=True, max_length=None), train_dataset=train).train()

    pairs = load_dataset("parquet", data_files="{out}/dpo_train.parquet", split="train")
    DPOTrainer(MODEL, args=DPOConfig(max_length=None), train_dataset=pairs).train()

`sft_mcq_*`: a question with lettered options, the completion is the letter. `sft_captions_*`: an
instruction, the completion is a caption. `dpo_*`: `chosen` is the true claim, `rejected` a claim with
one attribute altered (column `altered`). `max_length=None`, since cutting would cut image tokens. Not
every export has every file: the table below lists what there is.

Of a claim set all K - 1 false claims are paired with the true one, so that each pair occurs in both
directions in its group, and the texts alone do not tell which is chosen. Keep groups (`group_id`) whole
if you draw a part. To see what the text alone teaches, train once with blank images.
"""


def export(job: Job) -> None:
    """Write one parquet file a kind and split."""
    for split, kind, examples in list_parts(job):
        pairs = kind == "dpo"
        name = f"dpo_{split}.parquet" if pairs else f"sft_{kind}_{split}.parquet"
        columns = ("prompt", "chosen", "rejected") if pairs else ("prompt", "completion")
        with MessageTable(job, name, columns, typed=False) as table:
            for e in examples:
                answers = (e.answer,) if e.rejected is None else (e.answer, e.rejected)
                texts = dict(zip(columns, (e.request, *answers), strict=True))
                table.write(
                    e, **{c: _say("user" if c == "prompt" else "assistant", t) for c, t in texts.items()}
                )


def _say(role: str, text: str) -> list[dict[str, Any]]:
    return [{"role": role, "content": text}]


EXPORT = Export("TRL: parquet for SFT and DPO, images within", NEEDS, HOW, export)
