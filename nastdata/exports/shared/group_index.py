"""Questions of one group share their texts: who else is in the group, kept on disk."""

from __future__ import annotations

import hashlib
import sqlite3
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType

from nastdata.errors import UserError
from nastdata.exports.job import Job
from nastdata.exports.shared.statements import Question

CHUNK = 5_000
NO_MATE = "no other image in its group of which another text is true"


class MateIndex:
    """The groups of one config and split: the rows that can be exported, and their numbers.

    A row counts if it has an image that the export can name, its texts fit, and its group has another such
    row with another image and another truth. Counted rows are numbered as they come, from ``first``.
    """

    def __init__(self, job: Job, where: str, config: str, split: str, first: int = 0) -> None:
        """Take what to index; rows that don't count are accounted for under ``where``."""
        self.job, self.where, self.config, self.split, self.first = job, where, config, split, first

    def __enter__(self) -> MateIndex:
        """Read the questions once."""
        self._folder = tempfile.TemporaryDirectory(prefix="nastdata-")
        self._db = sqlite3.connect(Path(self._folder.name) / "mates.sqlite", isolation_level=None)
        self._db.execute("pragma journal_mode=off")
        self._db.execute("pragma synchronous=off")
        self._db.execute(
            "create table mates (key text primary key, team text, truth text, image text, at integer)"
        )
        self._db.execute("begin")
        rows = self._list()
        try:
            while chunk := list(islice(rows, CHUNK)):
                self._db.executemany("insert into mates values (?, ?, ?, ?, null)", chunk)
        except sqlite3.IntegrityError:
            self.__exit__(None, None, None)
            raise UserError(
                f"{self.config}, {self.split}: an item id is there twice", how="run nastdata validate on it"
            ) from None
        self._db.execute("create index by_team on mates (team)")
        self._number()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, t: TracebackType | None
    ) -> None:
        """Take the index away."""
        self._db.close()
        self._folder.cleanup()

    def questions(self) -> Iterator[tuple[Question, str]]:
        """Yield the counted questions in order, each with the path of its image."""
        counted = self._db.execute("select key, image from mates where at is not null order by at")
        expected = next(counted, None)
        for q in self.job.questions(self.split, (self.config,)):
            if expected is not None and q.wording == "negated" and q.key == expected[0]:
                yield q, str(expected[1])
                expected = next(counted, None)

    def find(self, q: Question, path: str) -> list[tuple[str, str, int]]:
        """Return (true text, image, number) of the group's counted rows with another image and truth."""
        return self._db.execute(
            "select truth, image, at from mates "
            "where team = ? and at is not null and image != ? and truth != ? order by at",
            (_team(q), path, q.truth),
        ).fetchall()

    def _list(self) -> Iterator[tuple[str, str, str, str]]:
        for q in self.job.questions(self.split, (self.config,)):
            if q.wording == "negated" and self.job.fits(self.where, q.texts):
                path = self.job.find_image(self.where, q.source, q.image)
                if path is not None:
                    yield q.key, _team(q), q.truth, path

    def _number(self) -> None:
        """Number the rows that have a mate; count the others as left out."""
        has_mate = (
            "exists (select 1 from mates b "
            "where b.team = a.team and b.image != a.image and b.truth != a.truth)"
        )
        alone = self._db.execute(f"select count(*) from mates a where not {has_mate}").fetchone()[0]  # noqa: S608
        if alone:
            self.job.account.leave_out(self.where, NO_MATE, alone)
        kept = self._db.execute(f"select rowid from mates a where {has_mate} order by rowid").fetchall()  # noqa: S608
        numbered = ((self.first + i, rowid) for i, (rowid,) in enumerate(kept))
        self._db.executemany("update mates set at = ? where rowid = ?", numbered)
        self._db.execute("create index by_number on mates (at)")


def _team(q: Question) -> str:
    """Return what rows of one group and the same texts have in common."""
    texts = "\x1f".join(sorted(q.texts))
    return hashlib.blake2b(f"{q.group}\x1e{texts}".encode(), digest_size=16).hexdigest()
