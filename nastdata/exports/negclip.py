"""NegCLIP: a TSV of captions with hard negative captions and hard negative images."""

from __future__ import annotations

from nastdata.exports.base import Export
from nastdata.exports.job import Job, Table
from nastdata.exports.shared.group_index import MateIndex
from nastdata.exports.shared.quadruplets import GROUPED, list_pairs

NEEDS = "opposition, mednega or contextual_claims"
HOW = """
Read by NegCLIP's fork of open_clip, from its `src/` folder:

    python -m training.main --train-data {out}/train.tsv --val-data {out}/validation.tsv --dataset-type csv \\
        --csv-img-key filepath --csv-caption-key title --csv-hard-captions-key neg_caption \\
        --model ViT-B-32 --pretrained openai --batch-size 256 --lr 1e-6 --epochs 5

`neg_caption` is a list of texts that are false of the image; `neg_image` is a list of row numbers, from 0,
of images of which one of these texts is true. Both are Python literals, and neither is ever empty. A pair
of `opposition` gives two rows, one for each of its images.
"""
HEADER = ("filepath", "title", "neg_caption", "neg_image")


def export(job: Job) -> None:
    """Write one TSV a split."""
    for split in job.splits:
        name = f"{split}.tsv"
        with job.table(name, HEADER, separator="\t") as table:
            for q in list_pairs(job, name, split):
                at = table.rows
                table.write(q.image, q.prompt, repr([q.distractor_prompt]), repr([at + 1]))
                table.write(q.distractor_image, q.distractor_prompt, repr([q.prompt]), repr([at]))
            for config in GROUPED:
                if split in job.folder.files.get(config, {}):
                    _write_groups(job, name, config, split, table)


def _write_groups(job: Job, name: str, config: str, split: str, table: Table) -> None:
    with MateIndex(job, name, config, split, first=table.rows) as mates:
        for q, path in mates.questions():
            false = [q.texts[i] for i in q.false if q.texts[i] != q.truth]
            numbers = [at for _, _, at in mates.find(q, path)]
            table.write(path, q.truth, repr(list(dict.fromkeys(false))), repr(numbers))


EXPORT = Export(
    reads="NegCLIP: TSV with hard negative captions and images",
    needs=NEEDS,
    how=HOW,
    write=export,
)
