"""Files of training examples: JSON lists and lines, parquet with images, image files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nastdata.exports.job import Job
from nastdata.exports.training.examples import KINDS, Example, Kind, list_examples

ROWS = 100
"""Of a row group of a parquet file with images."""
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
STRING = {"dtype": "string", "_type": "Value"}
COLUMNS = ("item_id", "group_id", "patient_id", "config", "wording", "negation_type", "altered")
"""Columns beside the messages; empty where an example has none."""


def place_image(job: Job, example: Example) -> str:
    """Return an image's path: below the export if it is there, else where the user's own file lies."""
    path = job.images.place(example.source, example.image)
    assert path is not None, example.key  # ``list_examples`` has seen it
    place = Path(path)
    return place.relative_to(job.images.final).as_posix() if place.is_relative_to(job.images.final) else path


def state_path(job: Job, relative: str) -> str:
    """Return an image's path as the user wants paths written."""
    return relative if job.images.paths == "relative" else str(job.images.final / relative)


@contextmanager
def open_lines(job: Job, name: str) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Open a JSONL file; an empty one is taken away, the rows are counted."""
    with _counted(job, name) as (file, count):

        def write(row: dict[str, Any]) -> None:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count()

        yield write


@contextmanager
def open_list(job: Job, name: str) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Open a JSON file that holds one list."""
    first = [True]
    with _counted(job, name) as (file, count):

        def write(row: dict[str, Any]) -> None:
            file.write(("[\n" if first[0] else ",\n") + json.dumps(row, ensure_ascii=False))
            first[0] = False
            count()

        yield write
        file.write("[]\n" if first[0] else "\n]\n")


@contextmanager
def _counted(job: Job, name: str) -> Iterator[tuple[Any, Callable[[], None]]]:
    path = job.out / name
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [0]

    def count() -> None:
        rows[0] += 1

    with path.open("w", encoding="utf-8") as file:
        yield file, count
    job.finish(name, rows[0])


@dataclass
class MessageTable:
    """A parquet file with conversations and their images."""

    job: Job
    name: str
    conversations: tuple[str, ...]
    """Columns that are lists of messages."""
    typed: bool
    """Whether a message's content is a list of parts ({type, text}), or a string."""
    rows: int = 0
    _held: list[dict[str, Any]] = field(default_factory=list)
    _writer: Any = None

    def __enter__(self) -> MessageTable:
        """Open the file."""
        path = self.job.out / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = pa.struct([("type", pa.string()), ("text", pa.string())])
        content = pa.list_(part) if self.typed else pa.string()
        message = pa.struct([("role", pa.string()), ("content", content)])
        fields = [*((c, pa.list_(message)) for c in self.conversations), ("images", pa.list_(IMAGE))]
        self._schema = pa.schema([*fields, *((c, pa.string()) for c in COLUMNS)])
        inner: Any = {"feature": {"type": STRING, "text": STRING}, "_type": "List"} if self.typed else STRING
        features: dict[str, Any] = {
            c: {"feature": {"role": STRING, "content": inner}, "_type": "List"} for c in self.conversations
        }
        features["images"] = {"feature": {"_type": "Image"}, "_type": "List"}
        features |= dict.fromkeys(COLUMNS, STRING)
        info = json.dumps({"info": {"features": features}}, separators=(",", ":"))
        schema = self._schema.with_metadata({"huggingface": info})
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")
        return self

    def write(self, example: Example, **conversations: list[dict[str, Any]]) -> None:
        """Write one row, its image within."""
        data = self.job.read_image(example.source, example.image)
        image = {"bytes": data, "path": None}
        columns = {c: example.columns.get(c, "") for c in COLUMNS}
        self._held.append({**conversations, "images": [image], **columns})
        self.rows += 1
        if len(self._held) >= ROWS:
            self._flush()

    def __exit__(self, kind: Any, e: Any, trace: Any) -> None:
        """Close the file; an empty one is taken away."""
        self._flush()
        self._writer.close()
        if kind is None:
            self.job.finish(self.name, self.rows)

    def _flush(self) -> None:
        if self._held:
            self._writer.write_table(pa.Table.from_pylist(self._held, self._schema))
            self._held.clear()


def list_parts(job: Job) -> Iterator[tuple[str, Kind, Iterator[Example]]]:
    """Yield (split, kind, its examples) for all that there is."""
    for split in job.splits:
        for kind in KINDS:
            yield split, kind, list_examples(job, split, kind)
