"""NEAT: NegBench's files, and retrieval with positive, negative and inverted captions beside each caption."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nastdata.dataset.kept import load_kept_ontology
from nastdata.exports import negbench
from nastdata.exports.base import Export
from nastdata.exports.job import Job
from nastdata.exports.retrieval import CaptionsByImage
from nastdata.ontology import Ontology
from nastdata.records import LETTERS

NEEDS = "mednega or contextual_captions"
HOW = """
Read by NEAT's test-time adaptation (`src/main_TTA.py`); its datasets are named in `src/utils/data.py` and
`src/params.py` by the options below:

    python -m src.main_TTA --model ViT-B-32 --pretrained openai --name nast --logs logs --dataset-type csv \\
        --coco-negated-retrieval {out}/test/mednega_inversion.csv \\
        --coco-retrieval {out}/test/mednega_affirmative_retrieval.csv

`*_inversion.csv` has, beside NegBench's `filepath,captions`, lists of equal length: `pos_captions` (what the
caption affirms), `neg_captions` (what it denies, said as if it were there) and `inverted_captions`
(affirmed and denied exchanged). The other files are NegBench's.
"""
MORE = ("pos_captions", "neg_captions", "inverted_captions")
NO_INVERSION = "denies a place or a grade, or affirms: no inversion"


def export(job: Job) -> None:
    """Write NegBench's files and ``*_inversion.csv`` into a folder a split."""
    ontology = _find_ontology(job)
    negbench.export(job)
    for split in job.splits:
        for config, invert in (("mednega", _invert_options), ("contextual_captions", _invert_caption)):
            if split not in job.folder.files.get(config, {}):
                continue
            name = f"{split}/{config}_inversion.csv"
            with CaptionsByImage(job, name, MORE) as table:
                for row in job.rows(config, split):
                    texts = invert(row, ontology)
                    if texts is None:
                        job.account.leave_out(name, NO_INVERSION)
                    elif job.fits(name, texts):
                        path = job.find_image(name, row["source"], row["image"])
                        if path is not None:
                            table.add(path, *texts)


def _invert_options(row: Mapping[str, Any], ontology: Ontology) -> tuple[str, ...] | None:
    """Return a true option, what it affirms, what it denies, and the two exchanged."""
    answer = LETTERS.index(row["answer"])
    labels = dict(zip(row["conditions"], row["choice_labels"][answer], strict=True))
    present = [_name(c, ontology) for c, label in labels.items() if label == 1]
    absent = [_name(c, ontology) for c, label in labels.items() if label == 0]
    if not present or not absent:
        return None
    return (
        row["negated_choices"][answer],
        _show(ontology, _join(present, "and")),
        _show(ontology, _join(absent, "and")),
        _show(ontology, f"{_join(absent, 'and')}, but without {_join(present, 'or')}"),
    )


def _invert_caption(row: Mapping[str, Any], ontology: Ontology) -> tuple[str, ...] | None:
    """Return a caption that denies a finding, what is there instead, and the finding affirmed."""
    if row["negation_type"] != "existence":
        return None
    condition = ontology.condition_by_name[row["fact"]["condition"]]
    there = _show(ontology, condition.text)
    return row["caption"], _show(ontology, ontology.narrowest_phrase(condition.name).text), there, there


def _show(ontology: Ontology, what: str) -> str:
    text = f"{ontology.subject.text} with {what}."
    return text[0].upper() + text[1:]


def _name(condition: str, ontology: Ontology) -> str:
    return ontology.condition_by_name[condition].text


def _join(names: list[str], word: str) -> str:
    *most, last = names
    return f"{', '.join(most)} {word} {last}" if most else last


def _find_ontology(job: Job) -> Ontology:
    return load_kept_ontology(job.folder.path, (job.folder.manifest or {}).get("recipe"))


EXPORT = Export(
    reads="NEAT: NegBench's files and retrieval with positive, negative and inverted captions",
    needs=NEEDS,
    how=HOW,
    write=export,
    splits=("test",),
)
