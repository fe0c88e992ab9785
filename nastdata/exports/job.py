"""One export under way: rows in batches, their questions and captions, writers that count."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nastdata.dataset.folder import DatasetFolder
from nastdata.engines.base import IN_PROCESS, Engine
from nastdata.errors import UserError
from nastdata.exports.shared.statements import CONFIGS_WITH_QUESTIONS, Question, read_questions
from nastdata.exports.shared.summary import Account
from nastdata.exports.shared.tokens import MOST_TOKENS, fits_clip
from nastdata.images.export import NO_IMAGE, NOT_FOUND, PNG, ImagePlaces, is_blank

RECENT = 64
"""Images held in memory."""
BATCH = 2_000
"""Rows held at a time."""
IMAGE_BATCH = 50
"""Rows held at a time that hold images."""
TOO_LONG = f"more than {MOST_TOKENS} tokens"


@dataclass
class Job:
    """What a format's ``export`` is handed."""

    folder: DatasetFolder
    out: Path
    """The folder to fill."""
    splits: tuple[str, ...]
    images: ImagePlaces
    account: Account
    engine: Engine = IN_PROCESS
    """Where images are converted."""
    recent: dict[tuple[str, Any], bytes | None] = field(default_factory=dict)
    """The images read last."""

    @property
    def seed(self) -> int:
        """Seed of what is drawn: the build's, so that exports of one build are alike."""
        return int((self.folder.manifest or {}).get("seed") or 0)

    def rows(self, config: str, split: str) -> Iterator[dict[str, Any]]:
        """Yield a split's rows in order, a few in memory at a time.

        Raises:
            UserError: if a file is damaged.
        """
        for path in self.folder.files.get(config, {}).get(split, ()):
            try:
                with pq.ParquetFile(path) as file:
                    embedded = isinstance(file.schema_arrow.field("image").type, pa.StructType)
                    for batch in file.iter_batches(IMAGE_BATCH if embedded else BATCH):
                        yield from batch.to_pylist()
            except (OSError, ValueError) as e:
                raise UserError(f"damaged ({str(e).splitlines()[0]})", where=str(path)) from e

    def questions(self, split: str, kinds: Iterable[str] = CONFIGS_WITH_QUESTIONS) -> Iterator[Question]:
        """Yield every question of a split, all configs in turn."""
        for config in kinds:
            for row in self.rows(config, split):
                yield from read_questions(config, row)

    def find_image(self, where: str, source: str, image: Any) -> str | None:
        """Return the path of a row's image; if there is none, count the row as left out of ``where``."""
        path = self.images.place(source, image)
        if path is None:
            self.account.leave_out(where, NO_IMAGE if image is None else NOT_FOUND)
        return path

    def read_image(self, source: str, image: Any) -> bytes | None:
        """Return a row's image as a new 8-bit PNG file made of its pixels alone, or None.

        The last ones are kept, since a row's uses come together.
        """
        if is_blank(image):
            return None
        key = (source, str(image.get("path") or id(image)) if isinstance(image, dict) else str(image))
        if key not in self.recent:
            if len(self.recent) >= RECENT:
                self.recent.pop(next(iter(self.recent)))
            self.recent[key] = next(iter(self.images.read([(source, image)], PNG)))
        return self.recent[key]

    def has_image(self, source: str, image: Any) -> bool:
        """Whether a row's image is there, as a file that a tool can open; it is put in its place."""
        if is_blank(image) or self.images.place(source, image) is None:
            return False
        return source not in self.images.unplaced

    def fits(self, where: str, texts: Iterable[str]) -> bool:
        """Whether texts fit CLIP's text tower; if one does not, count the row as left out."""
        if all(map(fits_clip, texts)):
            return True
        self.account.leave_out(where, TOO_LONG)
        return False

    @contextmanager
    def table(self, name: str, header: tuple[str, ...], separator: str = ",") -> Iterator[Table]:
        """Open a CSV file of the export; on leaving, an empty one is taken away and the rows are counted."""
        path = self.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            table = Table(csv.writer(file, delimiter=separator, lineterminator="\n"))
            table.writer.writerow(header)
            yield table
        self.finish(name, table.rows)

    def finish(self, name: str, rows: int) -> None:
        """Count a finished file, or take it away if it holds nothing."""
        if rows:
            self.account.files[name] = rows
        else:
            (self.out / name).unlink()


@dataclass
class Table:
    """A CSV file that counts its rows."""

    writer: Any
    rows: int = 0

    def write(self, *cells: object) -> None:
        """Write one row."""
        self.writer.writerow(cells)
        self.rows += 1
