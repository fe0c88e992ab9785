"""A Ray cluster, by Ray Data: one of this machine's own, or the one that ``RAY_ADDRESS`` names.

Shares travel as rows of pickled bytes. What a worker raises comes back as a value and is raised here as it
was; a worker that dies is replaced by Ray and its share done again, which gives the same: shares are pure.
"""

from __future__ import annotations

import logging
import os
import pickle
import secrets
import socket
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TypeVar

from nastdata import __version__
from nastdata.engines.base import Function, count_cores, cut, pack, run_packed
from nastdata.errors import UserError

T = TypeVar("T")
R = TypeVar("R")
SHARES = 4
"""Pieces for each core, so that a slow one does not keep the others waiting."""
ROUNDS = 4
"""Rounds of shares of a stream whose results are held."""
SMALLEST = 500
"""Items of a share at least: fewer are not worth the journey."""
PATIENCE = 600.0
"""Seconds without any finished share after which the cluster is given up."""
KNOCK = 10.0
"""Seconds for a cluster to take a connection: Ray itself waits for minutes."""
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is reported to its makers
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # what Ray is going to do about GPUs is not our business
    "RAY_worker_niceness": "0",  # its 15 starves the work beside anything else that runs
}
"""Read by Ray from the environment, unless the user has set them."""


class RayEngine:
    """Implements ``Engine``; the cluster is reached (or started) on entering the ``with`` block.

    Args:
        workers: cores of a cluster of our own, or the most to use at a time of another; 0: all there are.
    """

    apart = True

    def __init__(self, workers: int = 0) -> None:
        self.workers = workers
        self.cores = 1
        self._ours = False
        self._place = ""

    def __enter__(self) -> RayEngine:
        """Connect.

        Raises:
            UserError: if Ray is not installed or the cluster can't be reached.
        """
        ray = _import_ray()
        address = os.environ.get("RAY_ADDRESS") or "local"
        if not ray.is_initialized():
            with _quiet():
                _connect(ray, address, self.workers)
            self._ours = True
        resources = ray.cluster_resources()
        cores = max(1, int(resources.get("CPU", 1)))
        self.cores = min(cores, self.workers or cores)
        nodes = sum(bool(node["Alive"]) for node in ray.nodes())
        self._place = (
            f"this machine, {cores} cores"
            if address == "local"
            else (f"{address}, {nodes} node{'s' * (nodes != 1)}, {cores} cores")
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop what we started; leave a cluster of others as it was."""
        if self._ours:
            with _quiet():
                _import_ray().shutdown()
            self._ours = False

    def describe(self) -> str:
        """Return which cluster it is."""
        return f"ray: {self._place}"

    def map(self, function: Function[T, R], items: Sequence[T], least: int | None) -> list[R]:
        """Apply ``function`` on the cluster, however few the items."""
        if not items:
            return function(items)
        most = self.cores * SHARES if least else len(items)
        shares = cut(items, max(1, min(most, len(items) // (SMALLEST if least else 1))))
        done: dict[int, list[R]] = {}
        with _quiet(), _told():
            for number, result in _run(pack(function), shares, self.workers or None):
                done[number] = result
        return [r for number in range(len(shares)) for r in done[number]]

    def stream(self, function: Function[T, R], items: Sequence[T], *, least: int, share: int) -> Iterator[R]:
        """Apply ``function`` on the cluster, a few rounds of shares at a time."""
        step = share * self.cores * SHARES * ROUNDS
        packed = pack(function)
        for start in range(0, len(items), step):
            block = items[start : start + step]
            shares = [block[i : i + share] for i in range(0, len(block), share)]
            done: dict[int, list[R]] = {}
            with _quiet(), _told():
                for number, result in _run(packed, shares, self.workers or None):
                    done[number] = result
            for number in range(len(shares)):
                yield from done.pop(number)


def run_share(row: dict[str, Any], *, packed: bytes, version: str) -> dict[str, Any]:
    """Run one share in a worker.

    Args:
        row: ``share`` (its number) and ``items`` (pickled).
        packed: the function.
        version: of the package that sent it.

    Returns:
        ``share``, ``raised`` and ``result``: the pickled results, or the pickled error.
    """
    try:
        if version != __version__:
            raise UserError(
                f"a worker has nastdata {__version__}, this is {version}",
                where="engine ray",
                how="install the same version on every node",
            )
        result: Any = run_packed(packed, pickle.loads(row["items"]))  # noqa: S301  (sent by ourselves)
        raised = False
    except Exception as e:
        result, raised = e, True
    return {"share": row["share"], "raised": raised, "result": _freeze(result)}


def _freeze(result: Any) -> bytes:
    """Pickle results; an error that can't be travels as its words."""
    try:
        frozen = pickle.dumps(result)
        if isinstance(result, Exception):
            pickle.loads(frozen)  # noqa: S301
        return frozen
    except Exception:
        if not isinstance(result, Exception):
            raise
        return pickle.dumps(RuntimeError(f"{type(result).__name__}: {result}"))


def _run(
    packed: bytes, shares: Sequence[Sequence[Any]], concurrency: int | None
) -> Iterator[tuple[int, list[Any]]]:
    """Yield (number of the share, its results) as they come."""
    import ray.data

    rows = [{"share": i, "items": pickle.dumps(list(s))} for i, s in enumerate(shares)]
    dataset = ray.data.from_items(rows, override_num_blocks=len(rows))
    dataset.context.enable_progress_bars = False
    dataset.context.print_on_execution_start = False
    dataset.context.execution_no_progress_timeout_s = PATIENCE
    mapped = dataset.map(
        run_share, fn_kwargs={"packed": packed, "version": __version__}, num_cpus=1, concurrency=concurrency
    )
    for row in mapped.iter_rows():
        result = pickle.loads(row["result"])  # noqa: S301  (made by run_share)
        if row["raised"]:
            raise result
        yield row["share"], result


def _import_ray() -> Any:
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import ray
            import ray.data
    except ImportError as e:
        raise UserError(
            f"Ray is not installed ({e})", where="engine ray", how="pip install 'nastdata[ray]'"
        ) from e
    return ray


def _connect(ray: Any, address: str, workers: int) -> None:
    """Start a cluster of this machine, or join the one at ``address``."""
    local = address == "local"
    own = {"num_cpus": workers or count_cores(), "include_dashboard": False} if local else {}
    if local and "RAY_AUTH_MODE" not in os.environ:
        # A token for this cluster alone; else Ray leaves one in the user's home.
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    try:
        if not local:
            _knock(address)
        ray.init(address=address, logging_level=logging.CRITICAL, log_to_driver=False, **own)
    except Exception as e:  # Ray raises it bare where its processes are too slow to start
        lines = [line.strip() for line in str(e).splitlines() if line.strip()]
        said = lines[0] if lines else type(e).__name__
        if local:
            how = "--engine local makes the same bytes"
            raise UserError(f"Ray can't be started ({said})", where="engine ray", how=how) from e
        raise UserError(
            f"no Ray cluster answers there ({said})",
            where=f"RAY_ADDRESS={address}",
            how="is it up, and does it want a token (RAY_AUTH_MODE)? Unset RAY_ADDRESS to do without it",
        ) from e


def _knock(address: str) -> None:
    """Raise an OSError at once if nothing listens at HOST:PORT."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), timeout=KNOCK).close()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Ray's logs and deprecations, which are not the user's business, off the terminal.

    They stay in the log files of the Ray session.
    """
    consoles = [
        h
        for h in logging.getLogger("ray.data").handlers
        if isinstance(h, logging.StreamHandler) and not isinstance(h, logging.FileHandler)
    ]
    levels = [h.level for h in consoles]
    for handler in consoles:
        handler.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for handler, level in zip(consoles, levels, strict=True):
            handler.setLevel(level)


@contextmanager
def _told() -> Iterator[None]:
    """Put Ray's own failures into plain words; errors of the work pass as they are."""
    from ray.data.exceptions import ExecutionTimeoutError
    from ray.exceptions import RayError

    try:
        yield
    except ExecutionTimeoutError as e:
        raise UserError(
            f"no work was finished in {PATIENCE:.0f} s: no free core, or workers die again and again",
            where="engine ray",
            how="see `ray status` and the memory of its nodes; --engine local makes the same bytes",
        ) from e
    except RayError as e:
        if "No module named 'nastdata'" in str(e):
            raise UserError(
                "a worker can't import nastdata",
                where="engine ray",
                how=f"install nastdata {__version__} on every node of the cluster",
            ) from e
        first = next((line.strip() for line in str(e).splitlines() if line.strip()), "")
        raise UserError(
            f"the cluster failed ({type(e).__name__}: {first})",
            where="engine ray",
            how="run the same command again; --engine local makes the same bytes",
        ) from e
