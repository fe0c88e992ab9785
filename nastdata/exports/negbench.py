"""NegBench: multiple choice, binary choice, retrieval, negated retrieval, and affirmation controls."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nastdata.exports.base import Export
from nastdata.exports.job import Job
from nastdata.exports.retrieval import CaptionsByImage
from nastdata.exports.shared.statements import Question, read_captions
from nastdata.seeded import draw_int, shuffle

NEEDS = "mednega, contextual_claims, contextual_captions, opposition or probes"
HOW = """
Read by NegBench's evaluator, from its `benchmarks/` folder after `pip install -e .`:

    python -m src.evaluation.eval_negation --model ViT-B-32 --pretrained openai --name nast --logs logs \\
        --dataset-type csv --batch-size 64 --workers 4 \\
        --coco-mcq {out}/test/mednega_negated_mcq.csv \\
        --voc2007-mcq {out}/test/mednega_affirmative_mcq.csv \\
        --synthetic-mcq {out}/test/mednega_negated_mcq_shuffled.csv \\
        --coco-retrieval {out}/test/mednega_affirmative_retrieval.csv \\
        --coco-negated-retrieval {out}/test/mednega_negated_retrieval.csv

and, for the binary files, in its mode for images (options left out there are paths of its authors):

    python -m src.evaluation.eval_negation --model ViT-B-32 --pretrained openai --name nast --logs logs \\
        --dataset-type csv --batch-size 64 --workers 4 --cxr-dataset \\
        --chexpert-binary-mcq {out}/test/mednega_negated_binary.csv \\
        --chexpert-affirmation-binary-mcq {out}/test/mednega_affirmative_binary.csv \\
        --chexpert-mcq {out}/test/mednega_negated_mcq.csv \\
        --chexpert-affirmation-mcq {out}/test/mednega_affirmative_mcq.csv \\
        --ham10000-mcq {out}/test/mednega_negated_mcq.csv \\
        --ham10000-affirmation-mcq {out}/test/mednega_affirmative_mcq.csv

`*_mcq.csv` has the answer first (`--coco-mcq`, `--voc2007-mcq`, `--ham10000-mcq`: these want answer 0 in
every row), `*_mcq_shuffled.csv` anywhere (`--synthetic-mcq` only). `affirmative` files are controls: the same
rows, absence worded without negation. Files of `contextual_*` go to the same options. Paths are absolute
unless `--relative` was given; then run the evaluator with this folder as working folder.

NegBench names the kind of a wrong answer by its number (1 hybrid, 2 positive, 3 negative). All options of a
MedNega row are hybrid (something present, something absent), so those figures mean nothing there; options of
claim sets are in places of their kind as far as there are such.
"""
MCQ = (
    *("correct_answer", "caption_0", "caption_1", "caption_2", "caption_3"),
    *("correct_answer_template", "image_path"),
)
BINARY = ("image_path", "caption_0", "caption_1", "correct_answer")
OPTIONS = 4
FEWER = "fewer than four distinct texts"
SLOTS = {2: "positive", 3: "negative"}
"""Number of a wrong option -> the kind that NegBench takes it to be; 1 is hybrid, or whatever is left."""


def export(job: Job) -> None:
    """Write a folder of CSV files a split."""
    for split in job.splits:
        for config in ("mednega", "contextual_claims"):
            for wording in ("negated", "affirmative") if config == "mednega" else ("negated",):
                export_questions(job, split, config, wording)
        for config in ("opposition", "probes"):
            _export_pairs(job, split, config)
        export_captions(job, split)


def export_questions(job: Job, split: str, config: str, wording: str) -> None:
    """Write MCQ (answer first, and shuffled), binary and retrieval files of one config and wording."""
    if split not in job.folder.files.get(config, {}):
        return
    stem = f"{split}/{config}_{wording}" if config == "mednega" else f"{split}/{config}"
    with (
        job.table(f"{stem}_mcq.csv", MCQ) as first,
        job.table(f"{stem}_mcq_shuffled.csv", MCQ) as shuffled,
        job.table(f"{stem}_binary.csv", BINARY) as binary,
        CaptionsByImage(job, f"{stem}_retrieval.csv") as retrieval,
    ):
        for q in job.questions(split, (config,)):
            if q.wording != wording or not job.fits(stem, q.texts):
                continue
            path = job.find_image(stem, q.source, q.image)
            if path is None:
                continue
            options = choose_options(job.seed, q)
            if len(options) == OPTIONS:
                order = shuffle(options, job.seed, "negbench-order", q.key, wording)
                _write_mcq(first.write, q, options, path)
                _write_mcq(shuffled.write, q, order, path)
            else:
                job.account.leave_out(f"{stem}_mcq.csv", FEWER)
            write_binary(binary.write, job.seed, q, path)
            retrieval.add(path, q.truth)


def choose_options(seed: int, q: Question) -> list[int]:
    """Return the numbers of four distinct options, the answer first, the others drawn and put in place.

    Which ones are drawn does not depend on which one is true, beyond its being among them: where a closed
    family of claims can't be solved blindly, four of them can't be either.
    """
    false, seen = [], {_fold(q.truth)}
    for i in q.false:
        text = _fold(q.texts[i])
        if text not in seen:
            seen.add(text)
            false.append(i)
    drawn = shuffle(false, seed, "negbench-options", q.key, q.wording)[: OPTIONS - 1]
    return [q.answer, *_put_in_place(q, drawn)]


def write_binary(write: Callable[..., None], seed: int, q: Question, path: str) -> None:
    """Write the truth and one false text, which of them first being drawn."""
    false = [i for i in q.false if q.texts[i] != q.truth]
    if not false:
        return
    other = false[draw_int(seed, "negbench-binary", q.key, q.wording) % len(false)]
    answer = draw_int(seed, "negbench-binary-order", q.key, q.wording) % 2
    pair = (q.truth, q.texts[other]) if answer == 0 else (q.texts[other], q.truth)
    write(path, *pair, answer)


def export_captions(job: Job, split: str) -> None:
    """Write retrieval files of single captions: affirmative ones, and negated ones."""
    config = "contextual_captions"
    if split not in job.folder.files.get(config, {}):
        return
    stem = f"{split}/{config}"
    with (
        CaptionsByImage(job, f"{stem}_affirmative_retrieval.csv") as affirmative,
        CaptionsByImage(job, f"{stem}_negated_retrieval.csv") as negated,
    ):
        for row in job.rows(config, split):
            for caption in read_captions(config, row):
                path = job.find_image(stem, caption.source, caption.image)
                if path is not None and job.fits(stem, (caption.text,)):
                    (negated if caption.negated else affirmative).add(path, caption.text)


def _export_pairs(job: Job, split: str, config: str) -> None:
    if split not in job.folder.files.get(config, {}):
        return
    stem = f"{split}/{config}"
    with job.table(f"{stem}_binary.csv", BINARY) as binary:
        for q in job.questions(split, (config,)):
            path = job.find_image(stem, q.source, q.image)
            if path is not None and job.fits(stem, q.texts):
                write_binary(binary.write, job.seed, q, path)


def _write_mcq(write: Callable[..., None], q: Question, options: Sequence[int], path: str) -> None:
    write(options.index(q.answer), *(q.texts[i] for i in options), q.kind, path)


def _fold(text: str) -> str:
    """Return what CLIP's tokenizer sees of a text: options equal in it tie, and ties count as right."""
    return " ".join(text.lower().split())


def _put_in_place(q: Question, drawn: list[int]) -> list[int]:
    """Order drawn options so that each stands where NegBench expects its kind, as far as there are such."""
    left = list(drawn)
    placed: dict[int, int] = {}
    for slot, kind in SLOTS.items():
        found = next((i for i in left if q.kinds[i] == kind), None)
        if found is not None and slot <= len(drawn):
            placed[slot] = found
            left.remove(found)
    return [placed[slot] if slot in placed else left.pop(0) for slot in range(1, len(drawn) + 1)]


EXPORT = Export(
    reads="NegBench: MCQ, binary, retrieval, negated retrieval, affirmation controls",
    needs=NEEDS,
    how=HOW,
    write=export,
    splits=("test",),
)
