"""MedNega worded by a real model in four ways: behind llama.cpp's OpenAI-compatible server, and in process.

    python benchmarks/writers_end_to_end.py
    python benchmarks/writers_end_to_end.py --limit 200 --wordings 4 --model FILE.gguf

Starts the server of ``llama-cpp-python[server]`` on a free port, builds with ``--realizer openai`` against it
(free, and bound by a schema to sentences of the grammar) and with ``--realizer local`` on both back ends,
each with a cache of its own, and prints who worded how many rows.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import polars as pl
from machine import describe_machine, measure, nastdata

from nastdata.errors import UserError
from nastdata.llm.local.model import find_model

WAIT = 120.0
"""Seconds that the server may take to load its model."""


@contextmanager
def serve(model: Path) -> Iterator[str]:
    """Run llama.cpp's server; yields its base URL.

    Raises:
        RuntimeError: if it does not come up.
    """
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(model), "--port", str(port)]
    command += ["--n_ctx", "4096", "--n_threads", "1", "--n_threads_batch", "1", "--verbose", "false"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + WAIT
        while not listens(port):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the server did not come up: {' '.join(command)}")
            time.sleep(0.3)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait()


def listens(port: int) -> bool:
    """Tell whether the server takes connections, which it does once its model is loaded."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2):
            return True
    except OSError:
        return False


def build(name: str, folder: Path, limit: int, settings: dict[str, object]) -> str:
    """Build in a process of its own; return the line of the table."""
    out = folder / name.replace(" ", "-").replace(",", "")
    told = {
        "phantom_patients": 600,
        "audit.enabled": "false",
        "writer.cache": f"{out}.sqlite",
        "writer.max_attempts": 2,
        **settings,
    }
    arguments = [a for k, v in told.items() for a in ("--set", f"{k}={v}")]
    done = measure(
        nastdata("build", "mednega", "--limit", str(limit), "--out", str(out), "--fresh", *arguments)
    )
    rows = pl.concat([pl.read_parquet(f) for f in sorted(out.glob("data/*/*.parquet"))])
    by_model = sum(w != "template" for w in rows["realizer"])
    ledger = json.loads((out / "manifest.json").read_text())["ledger"]
    cells = f"{len(rows):>6}{by_model:>10}{ledger['calls']:>8}"
    cells += f"{ledger['prompt_tokens']:>10,}{ledger['completion_tokens']:>10,}"
    cells += f"{done.seconds:>9.1f}{done.cpu:>8.1f}"
    refused = sorted(ledger["refused_and_asked_again"].items(), key=lambda x: -x[1])[:3]
    why = "; ".join(f"{reason}: {n}" for reason, n in refused)
    return f"{name:<26}{cells}" + (f"\n{'':<26}refused first: {why}" if why else "")


def main() -> None:
    """Build in every way that the machine can; print one table."""
    options = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    options.add_argument("--limit", type=int, default=24)
    options.add_argument("--wordings", type=int, default=1)
    options.add_argument("--model", default=None)
    told = options.parse_args()
    if missing := [p for p in ("llama_cpp", "outlines", "llguidance", "transformers") if not find_spec(p)]:
        sys.exit(
            f"not installed: {', '.join(missing)} (pip install 'nastdata[local]' 'llama-cpp-python[server]')"
        )
    try:
        model = Path(find_model(told.model))
    except UserError as e:
        sys.exit(str(e))
    print(describe_machine())
    print(f"{model.name}; MedNega, {told.limit} items, {told.wordings} wordings of each statement\n")
    print(f"{'':<26}{'rows':>6}{'by model':>10}{'calls':>8}{'tok. in':>10}{'tok. out':>10}", end="")
    print(f"{'wall s':>9}{'cpu s':>8}")
    common: dict[str, object] = {"writer.wordings": told.wordings, "writer.model": model}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if find_spec("uvicorn") and find_spec("fastapi"):
            with serve(model) as url:
                behind = {"writer.realizer": "openai", "writer.base_url": url, "writer.timeout": 600}
                behind |= {"writer.max_concurrency": 1, "writer.max_tokens": 512}
                print(build("server, free", folder, told.limit, common | behind), flush=True)
                behind["writer.bound"] = "true"
                print(build("server, bound", folder, told.limit, common | behind), flush=True)
        else:
            print("no server: pip install 'llama-cpp-python[server]'")
        for backend in ("llamacpp", "transformers"):
            local = {"writer.realizer": "local", "writer.backend": backend}
            print(build(f"in process, {backend}", folder, told.limit, common | local), flush=True)


if __name__ == "__main__":
    main()
