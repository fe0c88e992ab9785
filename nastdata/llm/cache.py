"""Answers on disk: paid work is never lost, and never paid twice.

SQLite in WAL mode with full synchronisation: an answer is on the disk before it is used. The key covers the
whole request (provider, model, revision, messages, form, sampling, attempt).
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from nastdata.errors import UserError
from nastdata.llm.base import Answer, Request

SCHEMA = """
create table if not exists answers (key text primary key, answer text not null) without rowid;
create table if not exists batches (key text primary key, state text not null) without rowid;
create table if not exists sets (digest text primary key, keys text not null) without rowid;
create table if not exists runs (id integer primary key, account text not null);
"""
INSERT = {
    False: "insert or ignore into answers values (?, ?)",
    True: "insert or replace into answers values (?, ?)",
}
"""By whether a later answer takes the place of the first one."""


def find_cache(path: Path | None) -> Path:
    """Return the cache file: the one given, or ``answers.sqlite`` in the user's cache folder."""
    if path is not None:
        return path
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "nastdata" / "answers.sqlite"


@dataclass
class Row:
    """An answer on its way to the disk."""

    key: str
    answer: str
    replace: bool
    committed: bool = False


class AnswerCache:
    """A table of answers by request key; safe to use from several threads and processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._queue: list[Row] = []
        self._queue_lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=30, check_same_thread=False, isolation_level=None)
            self._db.execute("pragma journal_mode=wal")
            self._db.execute("pragma synchronous=full")
            self._db.executescript(SCHEMA)
        except (sqlite3.Error, OSError) as e:
            how = "delete it, or name another with --set writer.cache=FILE"
            raise UserError(f"not usable as an answer cache ({e})", where=str(path), how=how) from e

    def get_many(self, keys: Iterable[str]) -> dict[str, Answer]:
        """Return the answers that are there, by key."""
        found: dict[str, Answer] = {}
        with self._lock:
            for key in keys:
                row = self._db.execute("select answer from answers where key = ?", (key,)).fetchone()
                if row:
                    found[key] = Answer(**json.loads(row[0]))
        return found

    def put(self, request: Request, answer: Answer, *, replace: bool = False) -> None:
        """Commit one answer; when this returns, it survives a kill. The first one stays unless replaced.

        Threads that come while the disk is busy are served together: whoever is next commits for all.
        """
        row = Row(request.key, json.dumps(asdict(answer)), replace)
        with self._queue_lock:
            self._queue.append(row)
        with self._lock:
            if row.committed:
                return
            with self._queue_lock:
                rows, self._queue = self._queue, []
            try:
                self._db.execute("begin immediate")
                for r in rows:
                    self._db.execute(INSERT[r.replace], (r.key, r.answer))
                self._db.execute("commit")
            except sqlite3.Error:
                if self._db.in_transaction:
                    self._db.execute("rollback")
                # Back into the queue, else the threads that wait for theirs would think them kept.
                with self._queue_lock:
                    self._queue = rows + self._queue
                raise
            for r in rows:
                r.committed = True

    def get_state(self, key: str) -> dict[str, object] | None:
        """Return the saved state of a batch job, or None."""
        with self._lock:
            row = self._db.execute("select state from batches where key = ?", (key,)).fetchone()
        return json.loads(row[0]) if row else None

    def put_state(self, key: str, state: dict[str, object]) -> None:
        """Save the state of a batch job."""
        with self._lock:
            self._db.execute("insert or replace into batches values (?, ?)", (key, json.dumps(state)))

    def list_states(self, prefix: str) -> dict[str, dict[str, object]]:
        """Return the saved states of batch jobs whose keys begin with ``prefix``."""
        with self._lock:
            rows = self._db.execute("select key, state from batches").fetchall()
        return {key: json.loads(state) for key, state in rows if key.startswith(prefix)}

    def note_answers(self, keys: Iterable[str]) -> str:
        """Keep which answers a dataset was made from (a bundle packs them) and return the list's sha256."""
        text = json.dumps(sorted(keys))
        digest = hashlib.sha256(text.encode()).hexdigest()
        with self._lock:
            self._db.execute("insert or ignore into sets values (?, ?)", (digest, text))
        return digest

    def list_answers(self, digest: str) -> list[str]:
        """Return the keys of the answers that a dataset was made from; none if it was not made here."""
        with self._lock:
            row = self._db.execute("select keys from sets where digest = ?", (digest,)).fetchone()
        return list(json.loads(row[0])) if row else []

    def log_run(self, account: dict[str, object]) -> None:
        """Keep a run's own account (retries, latencies), which is no part of the dataset."""
        with self._lock:
            self._db.execute("insert into runs (account) values (?)", (json.dumps(account),))

    def close(self) -> None:
        """Close the file."""
        self._db.close()
