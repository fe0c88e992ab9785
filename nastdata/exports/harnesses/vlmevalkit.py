"""VLMEvalKit: one TSV a config, wordings as ``split``, images as base64, each once."""

from __future__ import annotations

import base64
import csv
from typing import TextIO

from nastdata.exports.base import Export
from nastdata.exports.harnesses.items import NEEDS, Item, copy_files, list_items, list_tasks, read_image
from nastdata.exports.job import Job
from nastdata.llm.answers.reader import LETTERS

HOW = """
Read by VLMEvalKit (a checkout of `open-compass/VLMEvalKit`, `pip install -e .` and `pip install xlsxwriter`).
In its folder:

    LMUData={out} python run.py --config {out}/config.json --work-dir results --judge exact_matching

`config.json` names a model behind a server; put your own address and name there. A model that VLMEvalKit
knows: `--data NAST_MedNega --model NAME`. Without `--judge exact_matching` a GPT model is asked what an
answer means, and if it does not say, **an option is drawn at random**.

`*_acc.csv` has a row for each wording (`split`). Exact matching reads letters and options' texts; what
it does not read is wrong and counted nowhere. Our figures, from the file of predictions (intervals over
patients, whole groups, gap, unusable answers):

    python {out}/nast_score.py results/NAME/T*/NAME_NAST_MedNega.xlsx

The text-only control is `NAST_MedNega_Blind`, `NAST_Claims_Blind`: the same questions with one blank
image, since VLMEvalKit has no question without an image.

VLMEvalKit writes unpacked images into `$LMUData`: the terms of restricted corpora hold for that copy
too. A file's name is the dataset's name; do not use one with MMBench, CCBench, MMMU, BLINK or MMVP in
it, since that changes how it is scored.
"""
NAMES = {"mednega": "NAST_MedNega", "claims": "NAST_Claims", "protocols": "NAST_Protocols"}
SHORT = 64
"""An image cell of at most so many characters is the index of the row that holds the image."""
COLUMNS = (
    *("index", "question", *LETTERS, "answer", "split", "category"),
    *("item_id", "group_id", "group_size", "patient_id", "wording", "image"),
)
CONFIG = """{
 "model": {
  "NAME": {
   "class": "GPT4V",
   "model": "NAME",
   "api_base": "http://127.0.0.1:8000/v1/chat/completions",
   "key": "none",
   "temperature": 0,
   "max_tokens": 1024
  }
 },
 "data": {
%s
 }
}
"""


def export(job: Job) -> None:
    """Write two TSV files a config (with images, and blind), and a configuration that runs them."""
    written = []
    for config, task in list_tasks(job):
        name = NAMES[task]
        rows = 0
        seeing, blind = job.out / f"{name}.tsv", job.out / f"{name}_Blind.tsv"
        with (
            seeing.open("w", encoding="utf-8", newline="") as first,
            blind.open("w", encoding="utf-8", newline="") as second,
        ):
            tables = (_open(first), _open(second))
            for item in list_items(job, config):
                image = base64.b64encode(read_image(job, item)).decode()
                rows += _write_item(item, rows, image, tables)
        job.finish(seeing.name, rows)
        job.finish(blind.name, rows)
        written += [n for n in (f"{name}", f"{name}_Blind") if rows]
    if written:
        data = ",\n".join(f'  "{n}": {{"class": "CustomMCQDataset", "dataset": "{n}"}}' for n in written)
        (job.out / "config.json").write_text(CONFIG % data, encoding="utf-8")
        copy_files(job, "nast_score.py", "nast_answer_reader.py", "forms.json", "nast_metrics.py")


def _open(file: TextIO) -> csv.DictWriter[str]:
    writer = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    return writer


def _write_item(item: Item, start: int, image: str, tables: tuple[csv.DictWriter[str], ...]) -> int:
    """Write an item in all its wordings; only the first holds the image."""
    for n, (wording, options) in enumerate(item.wordings.items()):
        index = start + n
        row = {
            "index": index,
            "question": item.question,
            **dict(zip(LETTERS, options, strict=False)),
            "answer": item.letter,
            "split": wording,
            "category": item.category,
            "item_id": item.key,
            "group_id": item.group,
            "group_size": item.group_size,
            "patient_id": item.patient,
            "wording": wording,
        }
        for table, picture, owner in zip(tables, (image, BLANK), (start, 0), strict=True):
            table.writerow({**row, "image": picture if index == owner else str(owner)})
    return len(item.wordings)


def _make_blank() -> str:
    """Return a grey picture of 64 x 64 pixels, as base64."""
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.new("L", (64, 64), 128).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


BLANK = _make_blank()

EXPORT = Export("VLMEvalKit: TSV files with images", NEEDS, HOW, export, ("test",))
