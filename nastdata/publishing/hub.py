"""The hub over HTTP: one commit or none, tried again when the line breaks, refusals told plainly."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from nastdata.errors import UserError

T = TypeVar("T")
ATTEMPTS = 5
FIRST_WAIT = 1.0
"""Seconds; doubled after every failure."""
TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
KIND = "dataset"
HTTP_LIBRARIES = {"httpx", "httpx2"}
"""Which of them huggingface_hub speaks through depends on its version."""


class Hub:
    """One dataset repository.

    Args:
        repo: ``ORG/NAME``.
        endpoint: of the hub; huggingface_hub's own setting if None.
        token: huggingface_hub's own setting if None; never shown.
        say: told of failures that are tried again.
        wait: seconds before the second attempt.
    """

    def __init__(
        self,
        repo: str,
        *,
        endpoint: str | None = None,
        token: str | None = None,
        say: Callable[[str], None] = lambda _: None,
        wait: float = FIRST_WAIT,
    ) -> None:
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        from huggingface_hub import HfApi
        from huggingface_hub.utils.tqdm import disable_progress_bars

        if not sys.stderr.isatty():
            disable_progress_bars()
        self.repo, self.say, self.wait = repo, say, wait
        self.api = HfApi(endpoint=endpoint, token=token)
        self.head: str | None = None

    @property
    def url(self) -> str:
        """Where people find the repository."""
        return f"{self.api.endpoint}/datasets/{self.repo}"

    def prepare(self, *, private: bool) -> None:
        """Make the repository if there is none; refuse a public one where a private one is asked for.

        Raises:
            UserError: if the hub refuses, or the repository is public.
        """

        def make() -> None:
            self.api.create_repo(self.repo, repo_type=KIND, private=private, exist_ok=True)

        self._try("making the repository", make)
        info = self._try("looking at the repository", lambda: self.api.repo_info(self.repo, repo_type=KIND))
        if private and not info.private:
            raise UserError(
                "is there already, and public",
                where=self.url,
                how="make it private in its settings, or choose another name",
            )
        self.head = info.sha

    def commit(self, files: Mapping[str, Path], hashes: Mapping[str, str], message: str) -> tuple[str, bool]:
        """Make the repository hold just these files, in one commit.

        Large files are uploaded first, where nobody sees them; what was uploaded before is not sent again.

        Returns:
            The commit, and whether it is a new one.

        Raises:
            UserError: if the hub refuses, can't be reached, or somebody else pushed meanwhile.
        """
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        if self._holds(files, hashes):
            return str(self.head), False
        adds = [CommitOperationAdd(name, str(path)) for name, path in files.items()]
        stale = [n for n in self._try("listing files", self._list) if n not in files and _is_ours(n)]

        def upload() -> None:
            self.api.preupload_lfs_files(self.repo, adds, repo_type=KIND, free_memory=False)

        self.say(f"uploading {len(adds)} files")
        self._try("uploading", upload)

        def finish() -> str:
            if self._moved(files, hashes):
                return str(self.head)
            operations: list[Any] = [*adds, *(CommitOperationDelete(n) for n in stale)]
            done = self.api.create_commit(
                self.repo, operations, commit_message=message, repo_type=KIND, parent_commit=self.head
            )
            return str(done.oid)

        self.head = self._try("committing", finish)
        return str(self.head), True

    def fetch(self, name: str, commit: str, place: Path) -> Path:
        """Download one file of a commit below ``place``."""

        def get() -> str:
            return str(
                self.api.hf_hub_download(
                    self.repo, name, repo_type=KIND, revision=commit, local_dir=place, force_download=True
                )
            )

        return Path(self._try(f"reading back {name}", get))

    def tag(self, name: str, commit: str) -> None:
        """Name a commit; a tag of that name that is there must be of that commit.

        Raises:
            UserError: if it is of another one.
        """
        refs = self._try("listing tags", lambda: self.api.list_repo_refs(self.repo, repo_type=KIND))
        there = {t.name: t.target_commit for t in refs.tags}
        if there.get(name) == commit:
            return
        if name in there:
            raise UserError(
                f"there is a version '{name}' already, of other content",
                where=self.url,
                how="--tag another name; the push itself was made",
            )
        self._try(
            "tagging",
            lambda: self.api.create_tag(self.repo, tag=name, revision=commit, repo_type=KIND, exist_ok=True),
        )

    def _list(self) -> dict[str, Any]:
        from huggingface_hub.hf_api import RepoFile

        tree = self.api.list_repo_tree(self.repo, recursive=True, repo_type=KIND, revision=self.head)
        return {f.path: f for f in tree if isinstance(f, RepoFile)}

    def _holds(self, files: Mapping[str, Path], hashes: Mapping[str, str]) -> bool:
        """Whether the head holds just these files."""
        there = {n: f for n, f in self._try("listing files", self._list).items() if _is_ours(n) or n in files}
        return set(there) == set(files) and all(
            f.lfs.sha256 == hashes[n] if f.lfs else f.blob_id == _hash_blob(files[n])
            for n, f in there.items()
        )

    def _moved(self, files: Mapping[str, Path], hashes: Mapping[str, str]) -> bool:
        """Whether an attempt whose answer was lost has made the commit after all.

        Raises:
            UserError: if the head is somebody else's.
        """
        now = self.api.repo_info(self.repo, repo_type=KIND).sha
        if now == self.head:
            return False
        self.head = now
        if self._holds(files, hashes):
            return True
        raise UserError("somebody else pushed meanwhile", where=self.url, how="run the same command again")

    def _try(self, what: str, step: Callable[[], T]) -> T:
        """Do a step, again if the line or the server fails; a refusal is told at once."""
        from huggingface_hub.errors import LocalTokenNotFoundError, OfflineModeIsEnabled

        wait = self.wait
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return step()
            except LocalTokenNotFoundError as e:
                raise UserError("not logged in", where=self.url, how="hf auth login, or set HF_TOKEN") from e
            except OfflineModeIsEnabled as e:
                raise UserError(
                    "set to work offline", where="HF_HUB_OFFLINE", how="unset it to publish"
                ) from e
            except Exception as e:
                error = _find_http(e)
                if error is None:
                    raise
                if not _is_transient(error):
                    raise self._refuse(what, error) from e
                if attempt == ATTEMPTS:
                    raise UserError(
                        f"{what} failed {ATTEMPTS} times ({_describe(error)})",
                        where=self.url,
                        how="nothing of this push is visible; run the same command again to go on",
                    ) from e
                self.say(f"{what}: {_describe(error)}; trying again in {wait:.0f} s")
                time.sleep(wait)
                wait *= 2
        raise AssertionError("unreachable")

    def _refuse(self, what: str, error: BaseException) -> UserError:
        code = _status(error)
        if code in (401, 403):
            return UserError(
                f"the hub does not let you ({what})",
                where=self.url,
                how="log in with a token that may write there: hf auth login, or HF_TOKEN",
            )
        if code in (409, 412):
            return UserError(
                "somebody else pushed meanwhile", where=self.url, how="run the same command again"
            )
        return UserError(f"the hub refuses ({what}: {_describe(error)})", where=self.url)


def _is_ours(name: str) -> bool:
    """Whether a file in the repository is one that a dataset folder may have, and an older push left."""
    return name.startswith("data/") or name in {"rejects.parquet", "croissant.json", "report.html"}


def _find_http(e: BaseException) -> BaseException | None:
    """Return the error of HTTP, or of the line, behind an error; None if there is none."""
    seen: BaseException | None = e
    while seen is not None:
        libraries = {base.__module__.partition(".")[0] for base in type(seen).__mro__}
        if libraries & HTTP_LIBRARIES or isinstance(seen, (ConnectionError, TimeoutError)):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def _status(error: BaseException) -> int | None:
    response = getattr(error, "response", None)
    return getattr(response, "status_code", None)


def _is_transient(error: BaseException) -> bool:
    code = _status(error)
    return code is None or code in TRANSIENT


def _describe(error: BaseException) -> str:
    """Return a few words that hold no address and no token."""
    code = _status(error)
    return f"HTTP {code}" if code is not None else type(error).__name__


def _hash_blob(path: Path) -> str:
    """Return git's name of a file's content."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    digest.update(path.read_bytes())
    return digest.hexdigest()
