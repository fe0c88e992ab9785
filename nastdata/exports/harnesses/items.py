"""Multiple-choice items for other people's harnesses: groups whole and in order, images once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl

from nastdata.exports.job import Job
from nastdata.images.export import NO_IMAGE, NOT_FOUND, is_blank
from nastdata.llm.answers.questions import CLAIM_QUESTION
from nastdata.llm.answers.reader import LETTERS

NEEDS = "mednega, contextual_claims or a protocol"
BROKEN_GROUP = "another row of its group lacks an image"
TOO_MANY = f"more than {len(LETTERS)} options"
CONFIGS = {"mednega": "mednega", "contextual_claims": "claims", "protocols": "protocols"}
"""Config -> what its task is called."""


@dataclass(frozen=True)
class Item:
    """One image, one question, its options in one or two wordings, and what the figures need."""

    task: str
    key: str
    group: str
    group_size: int
    """Items of the group in this split."""
    patient: str
    split: str
    source: str
    image: Any
    """As the row has it: a path, or an embedded image."""
    question: str
    wordings: dict[str, tuple[str, ...]]
    """Wording -> options."""
    answer: int
    category: str
    """What results are also split by: what the true claim denies; protocol and polarity."""

    altered: tuple[str | None, ...] = ()
    """Of claims: what each false one alters of the true one."""

    @property
    def letter(self) -> str:
        """Of the true option."""
        return LETTERS[self.answer]


def list_tasks(job: Job) -> list[tuple[str, str]]:
    """Return (config, task) for each config that holds questions."""
    return [(config, CONFIGS[config]) for config in job.folder.files if config in CONFIGS]


def list_items(job: Job, config: str, where: str | None = None, *, files: bool = False) -> Iterator[Item]:
    """Yield a config's items of all chosen splits, group by group.

    Args:
        job: the export.
        config: whose rows.
        where: what they are called in the account.
        files: whether images are named as files (``job.images.place``), or read.

    Rows without an image are left out and counted, and so is the rest of their group: a group that lacks one
    of its truths can be solved without the image.
    """
    task = where or CONFIGS[config]
    for split in job.splits:
        for _, members in groupby(_list_rows(job, config, split), key=lambda row: str(row["group_id"])):
            rows = list(members)
            missing = [_lacks(job, row, files) for row in rows]
            for reason in missing:
                if reason or any(missing):
                    job.account.leave_out(task, reason or BROKEN_GROUP)
            if any(missing):
                continue
            for row in rows:
                item = read_item(config, row, split, len(rows))
                if max(len(o) for o in item.wordings.values()) > len(LETTERS):
                    job.account.leave_out(task, TOO_MANY)
                else:
                    yield item


def read_item(config: str, row: Mapping[str, Any], split: str, group_size: int) -> Item:
    """Translate a row."""
    if config == "mednega":
        key, answer, question = row["item_id"], LETTERS.index(row["answer"]), row["question"]
        wordings = {w: tuple(row[f"{w}_choices"]) for w in ("negated", "affirmative")}
        category, altered = "all", ()
    elif config == "contextual_claims":
        key, answer, question = row["set_id"], row["answer"], CLAIM_QUESTION
        wordings = {"claims": tuple(row["claims"])}
        category = f"true claim denies {row['claim_negations'][answer]}"
        altered = tuple(row["altered"])
    else:
        key, answer, question = row["item_id"], row["answer"], row["question"]
        wordings = {"protocols": tuple(row["choices"])}
        category, altered = f"{row['protocol']}, {row['polarity']}", ()
    return Item(
        task=CONFIGS[config],
        key=key,
        group=str(row["group_id"]),
        group_size=group_size,
        patient=f"{row['source']}/{row['patient_id']}",
        split=split,
        source=row["source"],
        image=row["image"],
        question=question,
        wordings=wordings,
        answer=answer,
        category=category,
        altered=altered,
    )


def read_image(job: Job, item: Item) -> bytes:
    """Return the item's image as an 8-bit PNG."""
    data = job.read_image(item.source, item.image)
    assert data is not None, item.key  # ``list_items`` has seen it
    return data


def write_image(job: Job, item: Item) -> str:
    """Write an item's image into the export; return its path relative to it."""
    data = read_image(job, item)
    safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in item.key)
    path = job.out / "images" / f"{safe}.png"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path.relative_to(job.out).as_posix()


def copy_files(job: Job, *names: str) -> None:
    """Put files that travel with an export into it: the answer reader, metrics, tasks."""
    for name in names:
        (job.out / name).write_bytes(read_file(name))


def read_file(name: str) -> bytes:
    """Return a file that travels with exports."""
    if name in READER:
        return Path(str(files("nastdata.llm.answers").joinpath(READER[name]))).read_bytes()
    return Path(str(files("nastdata.exports.harnesses").joinpath("files", name))).read_bytes()


READER = {"nast_answer_reader.py": "reader.py", "forms.json": "forms.json"}
"""Name in an export -> file beside the reader."""


def _lacks(job: Job, row: Mapping[str, Any], files: bool) -> str | None:
    """Return why a row has no image, or None."""
    source, image = row["source"], row["image"]
    if is_blank(image):
        return NO_IMAGE
    there = job.has_image(source, image) if files else job.read_image(source, image) is not None
    return None if there else NOT_FOUND


def _list_rows(job: Job, config: str, split: str) -> Iterator[dict[str, Any]]:
    """Yield rows with those of a group beside one another; sorted only if they are not so already."""
    if split not in job.folder.files.get(config, {}):
        return
    groups = job.folder.scan(config, split).select("group_id").collect()["group_id"]
    runs = int((groups != groups.shift(1)).fill_null(True).sum())
    if runs == groups.n_unique():
        yield from job.rows(config, split)
        return
    frame = job.folder.read(config, split).with_row_index("place")
    first = pl.col("place").min().over("group_id")
    yield from frame.sort(first, "place").drop("place", "split").iter_rows(named=True)
