"""Retrieval files: one row an image, all its captions in a list, gathered on disk rather than in memory."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any

from nastdata.exports.job import Job, Table

HEADER = ("filepath", "captions")
FEWEST = 5
"""Images that Recall@5 needs."""
CHUNK = 5_000
Describe = Callable[[list[tuple[str, ...]]], tuple[object, ...]]


class CaptionsByImage:
    """Collects (image, caption, ...) in any order and writes ``filepath,captions`` on leaving.

    Captions of an image keep their order; a caption that repeats within an image is written once. Images
    stand in the order in which they first came.
    """

    def __init__(self, job: Job, name: str, more: tuple[str, ...] = ()) -> None:
        """Take names of further columns, each a list beside ``captions``."""
        self.job, self.name, self.more = job, name, more

    def __enter__(self) -> CaptionsByImage:
        """Open the store."""
        self._folder = tempfile.TemporaryDirectory(prefix="nastdata-")
        self._db = sqlite3.connect(Path(self._folder.name) / "captions.sqlite", isolation_level=None)
        self._db.execute("pragma journal_mode=off")
        self._db.execute("pragma synchronous=off")
        self._db.execute("create table images (number integer primary key, path text unique)")
        columns = ", ".join(f"c{i} text" for i in range(1 + len(self.more)))
        self._db.execute(f"create table captions (image integer, {columns}, unique (image, c0))")
        self._db.execute("begin")
        self._held: list[tuple[str, ...]] = []
        return self

    def add(self, path: str, *captions: str) -> None:
        """Add a caption of an image, and what stands beside it in the further columns."""
        self._held.append((path, *captions))
        if len(self._held) >= CHUNK:
            self._store()

    def __exit__(self, kind: type[BaseException] | None, e: Any, trace: TracebackType | None) -> None:
        """Write the file, unless something went wrong."""
        try:
            if kind is None:
                self._store()
                self._write()
        finally:
            self._db.close()
            self._folder.cleanup()

    def _store(self) -> None:
        self._db.executemany("insert or ignore into images (path) values (?)", [(h[0],) for h in self._held])
        marks = ", ".join("?" * (1 + len(self.more)))
        self._db.executemany(
            f"insert or ignore into captions select number, {marks} from images where path = ?",  # noqa: S608
            [(*h[1:], h[0]) for h in self._held],
        )
        self._held = []

    def _write(self) -> None:
        images = self._db.execute("select count(*) from images").fetchone()[0]
        if 0 < images < FEWEST:
            self.job.account.leave_out(self.name, f"fewer than {FEWEST} images, too few for Recall@5", images)
            return
        with self.job.table(self.name, (*HEADER, *self.more)) as table:
            self._write_rows(table)

    def _write_rows(self, table: Table) -> None:
        rows: Iterator[tuple[Any, ...]] = self._db.execute(
            "select path, captions.* from captions join images on number = image "
            "order by number, captions.rowid"
        )
        for path, of_image in groupby(rows, key=lambda row: row[0]):
            columns = zip(*(row[2:] for row in of_image), strict=True)
            table.write(path, *(repr(list(column)) for column in columns))
