"""open_clip's CSV: ``filepath,title``, one true text a row."""

from __future__ import annotations

from collections.abc import Iterator

from nastdata.exports.base import Export
from nastdata.exports.job import Job
from nastdata.exports.shared.statements import KEYS, Caption, read_captions

NEEDS = "any config"
HOW = """
Read by open_clip's training (mind the separator, which is a tab by default):

    python -m open_clip_train.main --dataset-type csv \\
        --train-data {out}/train.csv --val-data {out}/validation.csv \\
        --csv-separator , --csv-img-key filepath --csv-caption-key title \\
        --model ViT-B-32 --pretrained openai --batch-size 256 --epochs 5
"""


def export(job: Job) -> None:
    """Write one CSV a split, true texts of all configs in turn."""
    for split in job.splits:
        name = f"{split}.csv"
        with job.table(name, ("filepath", "title")) as table:
            for caption in list_captions(job, split):
                path = job.find_image(name, caption.source, caption.image)
                if path is not None and job.fits(name, (caption.text,)):
                    table.write(path, caption.text)


def list_captions(job: Job, split: str) -> Iterator[Caption]:
    """Yield the true texts of a split, configs in the folder's order."""
    for config in job.folder.configs:
        if config in KEYS:
            for row in job.rows(config, split):
                yield from read_captions(config, row)


EXPORT = Export(
    reads="open_clip training: CSV of filepath and title",
    needs=NEEDS,
    how=HOW,
    write=export,
)
