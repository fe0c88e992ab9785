"""CC-Neg / CoN-CLIP: the saved dict, distractor images and their mapping, and quadruplets as a table."""

from __future__ import annotations

import json
from pathlib import Path

from nastdata.exports.base import Export
from nastdata.exports.job import Job
from nastdata.exports.shared.quadruplets import list_quadruplets
from nastdata.exports.shared.torch_file import TorchFile

NEEDS = "opposition, mednega or contextual_claims"
HOW = """
Read by CoN-CLIP's fine-tuning. In its `src/configs/data_configs.py` set

    finetuning_dataset_path = "{out}/preprocessed_data.pt"
    negative_image_dataset_root = "{out}"
    negative_image_dataset_annotations_path = "{out}/distractors.json"
    negative_image_ft_mapping_path = "{out}/distractor_mapping.pt"
    num_ccneg_eval_samples = {evaluation_rows}

and run `bash run_finetuning.sh` in `src/`. It takes the last {evaluation_rows} rows for its evaluation:
rows are in the order train, validation, test, and that number is of those which are not for
training. Its fine-tuning without distractor images reads the same file. `quadruplets_SPLIT.csv` has the
same rows as a plain table (`image,prompt,distractor_image,distractor_prompt`).
"""
COLUMNS = ("image", "prompt", "distractor_image", "distractor_prompt")


def export(job: Job) -> None:
    """Write ``preprocessed_data.pt``, ``distractors.json``, ``distractor_mapping.pt`` and the tables."""
    work = job.out / ".captions"
    rows = training = 0
    with (
        TorchFile(job.out / "preprocessed_data.pt") as saved,
        TorchFile(job.out / "distractor_mapping.pt") as mapping,
        work.open("w", encoding="utf-8") as held,
    ):
        saved.open_dict()
        saved.put("image_paths")
        saved.open_list()
        mapping.open_dict()
        for split in job.splits:
            with job.table(f"quadruplets_{split}.csv", COLUMNS) as table:
                for q in list_quadruplets(job, f"quadruplets_{split}.csv", split):
                    table.write(q.image, q.prompt, q.distractor_image, q.distractor_prompt)
                    saved.put(q.image)
                    mapping.put(rows)
                    mapping.put_list([rows])
                    held.write(json.dumps([q.prompt, q.distractor_prompt, q.distractor_image]) + "\n")
                    rows += 1
            training = rows if split == "train" else training
        saved.close_list()
        saved.put("annotations")
        saved.open_list()
        held.flush()
        _write_annotations(work, saved)
        saved.close_list()
        saved.close_dict()
        mapping.close_dict()
    _write_distractors(work, job.out / "distractors.json")
    work.unlink()
    job.account.facts["evaluation_rows"] = rows - training
    for name in ("preprocessed_data.pt", "distractor_mapping.pt", "distractors.json"):
        job.finish(name, rows)


def _write_annotations(work: Path, saved: TorchFile) -> None:
    with work.open(encoding="utf-8") as lines:
        for line in lines:
            prompt, distractor_prompt, _ = json.loads(line)
            saved.put_mapping(
                {"json": {"caption": prompt}, "sop_data": {"negative-prompt": distractor_prompt}}
            )


def _write_distractors(work: Path, path: Path) -> None:
    """Write distractor images as COCO captions, whose numbers the mapping holds."""
    with path.open("w", encoding="utf-8") as out:
        for start, make in (('{"images": [', _image), ('], "annotations": [', _annotation)):
            out.write(start)
            with work.open(encoding="utf-8") as lines:
                for i, line in enumerate(lines):
                    out.write((",\n" if i else "\n") + json.dumps(make(i, json.loads(line))))
        out.write("]}\n")


def _image(i: int, row: list[str]) -> dict[str, object]:
    return {"id": i, "file_name": row[2]}


def _annotation(i: int, row: list[str]) -> dict[str, object]:
    return {"id": i, "image_id": i, "caption": row[1]}


EXPORT = Export(
    reads="CC-Neg / CoN-CLIP: saved dict, distractor mapping, quadruplets",
    needs=NEEDS,
    how=HOW,
    write=export,
)
