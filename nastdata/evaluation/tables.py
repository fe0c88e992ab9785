"""Other people's tables as data to evaluate on: NegBench's multiple-choice and retrieval CSVs."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from nastdata.dataset.folder import DatasetFolder
from nastdata.errors import UserError
from nastdata.images.store import ImageStore
from nastdata.models.dataset_rows import Data

CHOICES = ["caption_0", "caption_1", "caption_2", "caption_3"]
STUDY = ("source", "patient_id", "study_id", "image_id", "image", "split")


def open_table(path: Path, roots: Mapping[str, Path] | None = None) -> Data:
    """Open a CSV of NegBench: ``correct_answer, caption_0.., image_path``, or ``filepath, captions``.

    Images are looked for under the root given for source ``csv``, else beside the file. Each image is its own
    patient, since these tables don't tell patients.

    Raises:
        UserError: if it is no such table.
    """
    try:
        frame = pl.read_csv(path, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as e:
        raise UserError(f"not a readable CSV ({str(e).splitlines()[0]})", where=str(path)) from e
    if {"correct_answer", "caption_0", "image_path"} <= set(frame.columns):
        frames = {"choices": _read_choices(frame, path)}
    elif {"filepath", "captions"} <= set(frame.columns):
        frames = {"contextual_captions": _read_captions(frame, path)}
    else:
        raise UserError(
            f"neither of NegBench's tables (columns: {', '.join(frame.columns[:8])})",
            where=str(path),
            how="needed: correct_answer, caption_0, caption_1, image_path; or filepath, captions",
        )
    given = dict(roots or {})
    store = ImageStore(roots={"csv": given.get("csv", path.parent)})
    return Data(DatasetFolder(path, None, {}), store, frames)


def _name(frame: pl.DataFrame, image: str) -> pl.DataFrame:
    return frame.with_columns(
        pl.lit("csv").alias("source"),
        *(pl.col(image).alias(c) for c in STUDY[1:5]),
        pl.lit("test").alias("split"),
    )


def _read_choices(frame: pl.DataFrame, path: Path) -> pl.DataFrame:
    present = [c for c in CHOICES if c in frame.columns]
    template = "correct_answer_template"
    kind = pl.col(template) if template in frame.columns else pl.lit("all")
    answers = frame["correct_answer"].cast(pl.Int64, strict=False)
    bad = [i for i, a in enumerate(answers) if a is None or not 0 <= a < len(present)]
    if bad:
        row = bad[0]
        raise UserError(
            f"correct_answer is {frame['correct_answer'][row]!r}, not 0 to {len(present) - 1}",
            where=f"{path}, row {row + 2}",
        )
    return _name(frame, "image_path").select(
        *STUDY,
        pl.concat_list(present).alias("choices"),
        answers.alias("answer"),
        kind.alias("kind"),
        pl.int_range(pl.len()).cast(pl.String).alias("item_id"),
    )


def _read_captions(frame: pl.DataFrame, path: Path) -> pl.DataFrame:
    rows = []
    for i, (file, literal) in enumerate(frame.select("filepath", "captions").iter_rows()):
        try:
            captions = ast.literal_eval(literal)
        except (ValueError, SyntaxError) as e:
            raise UserError("captions is not a list of strings", where=f"{path}, row {i + 2}") from e
        for j, caption in enumerate(captions):
            fact = {"condition": caption, "existence": "present", "location": None, "severity": None}
            rows.append(
                {"filepath": file, "caption": caption, "caption_id": f"{i}-{j}", "fact": fact}
                | {"polarity": "affirmative", "negation_type": "none"}
            )
    made = pl.DataFrame(rows)
    return _name(made, "filepath").select(
        *STUDY, "caption", "caption_id", "fact", "polarity", "negation_type"
    )
