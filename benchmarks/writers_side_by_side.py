"""What LLM-worded MedNega items cost: nastdata, a published-style loop and a dataset-building library.

    python benchmarks/writers_side_by_side.py [--out FOLDER]

All of them ask the same local server in one run, one after the other: fixed latency, fixed number of slots,
a scripted model that gets a fixed share of its sentences wrong. The library is installed by pip in an
environment of its own under ``--out``. Capacity used is slot-seconds in which the server was at work, of all
there were between the first question and the last answer; "steady" leaves out the first and the last 5 % of
answers. Run it on an idle machine: server and client need a core each.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from competitors.item_tasks import Judged, judge_items, list_tasks
from machine import describe_machine, measure, nastdata

HERE = Path(__file__).resolve().parent / "competitors"
LIBRARY = "bespokelabs-curator"
HEADER = (
    "| who | items | wall, s | calls | calls per 1,000 items | tokens per item | answers a second "
    "| capacity used | steady | items with a wrong text |\n|---|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Served:
    """What the server counted of one contender."""

    calls: int
    tokens: int
    spoiled: int
    wall: float
    """Seconds from the first question to the last answer."""
    used: float
    steady: float


@dataclass(frozen=True)
class Contender:
    """One row of the table."""

    name: str
    served: Served
    judged: Judged

    def line(self) -> str:
        """Return it as a row of markdown."""
        s, j = self.served, self.judged
        return (
            f"| {self.name} | {j.items:,} | {s.wall:.1f} | {s.calls:,} | {1000 * s.calls / j.items:,.0f} "
            f"| {s.tokens / j.items:,.0f} | {s.calls / s.wall:.1f} | {100 * s.used:.1f} % "
            f"| {100 * s.steady:.1f} % | {j.wrong_items:,} ({100 * j.wrong_items / j.items:.1f} %) |"
        )


class Server:
    """The slots server in its own process, seen from outside."""

    def __init__(self, url: str, slots: int) -> None:
        self.url, self.slots = url, slots

    def reset(self) -> None:
        """Begin to count anew."""
        self._get("/reset")

    def read(self) -> Served:
        """Return what was served since the last reset."""
        counts = self._get("/counts")
        spans: list[list[float]] = sorted(counts["spans"], key=lambda s: s[2])
        cut = len(spans) // 20
        first, last = min(s[0] for s in spans), spans[-1][2]
        return Served(
            calls=counts["calls"],
            tokens=counts["prompt_tokens"] + counts["completion_tokens"],
            spoiled=counts["spoiled"],
            wall=last - first,
            used=self._share(spans, first, last),
            steady=self._share(spans, spans[cut][2], spans[-1 - cut][2]),
        )

    def _share(self, spans: Sequence[Sequence[float]], start: float, end: float) -> float:
        busy = sum(max(0.0, min(done, end) - max(got, start)) for _, got, done in spans)
        return busy / (self.slots * (end - start))

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path) as reply:  # noqa: S310 - our own server
            return json.load(reply)


@contextmanager
def serve(slots: int, latency: float, mistakes: float) -> Iterator[Server]:
    """Run the server in a process of its own; it stops when its standard input is closed."""
    command = [sys.executable, "-m", "competitors.slots_server"]
    settings = ["--slots", str(slots), "--latency", str(latency), "--mistakes", str(mistakes)]
    process = subprocess.Popen(
        [*command, *settings], cwd=HERE.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield Server(process.stdout.readline().strip(), slots)
    finally:
        process.stdin.close()
        process.wait()


def build(
    server: Server, out: Path, concurrency: int, items: int, **settings: object
) -> list[dict[str, Any]]:
    """Build a dataset by the openai writer and return its rows."""
    import polars as pl

    given = {
        "writer.base_url": f"{server.url}/v1",
        "writer.model": "m",
        "writer.cache": f"{out}.sqlite",
        "writer.max_concurrency": concurrency,
        "audit.enabled": "false",
        "images": "none",
        **{k.replace("__", "."): v for k, v in settings.items()},
    }
    listed = [a for k, v in given.items() for a in ("--set", f"{k}={v}")]
    limit = ["--limit", str(items)]
    measure(nastdata("build", "mednega", "--realizer", "openai", *limit, *listed, "--out", str(out)))
    return [r for f in sorted(out.glob("data/mednega/*.parquet")) for r in pl.read_parquet(f).to_dicts()]


def ask_elsewhere(
    command: list[str], server: Server, items: Sequence[dict[str, Any]], out: Path
) -> list[dict[str, Any]]:
    """Give the questions of items to another script and return the items with its texts."""
    from nastdata.ontology import load_ontology

    tasks, answers = out.with_suffix(".tasks.jsonl"), out.with_suffix(".answers.jsonl")
    listed = list_tasks(items, load_ontology("chest_xray"))
    tasks.write_text("".join(json.dumps(t) + "\n" for t in listed))
    measure([*command, str(tasks), str(answers), "--base-url", f"{server.url}/v1"])
    by_id = {r["item_id"]: r for r in items}
    made = [json.loads(line) for line in answers.read_text().splitlines()]
    return [
        {
            **{k: by_id[m["id"]][k] for k in ("conditions", "choice_labels")},
            "negated_choices": m["negated"],
            "affirmative_choices": m["affirmative"],
        }
        for m in made
    ]


def install(folder: Path) -> tuple[str | None, str]:
    """Make an environment with the library, unless it is there; return its Python and its version.

    Where it can't be installed, the reason is printed and there is no Python.
    """
    python = folder / "bin" / "python"
    try:
        if not python.exists():
            measure([sys.executable, "-m", "venv", str(folder)])
        measure([str(python), "-m", "pip", "install", "-q", LIBRARY])
    except RuntimeError as e:
        print(f"{LIBRARY} is left out, since it could not be installed: {e}", file=sys.stderr)
        return None, ""
    ask = f"from importlib.metadata import version; print(version('{LIBRARY}'))"
    return str(python), measure([str(python), "-c", ask]).output.strip()


def main() -> None:
    """Run all contenders and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, help="folder for what is made; a temporary one if not named")
    parser.add_argument("--items", type=int, default=10_000, help="MedNega items through the bank")
    parser.add_argument("--patients", type=int, default=9_000, help="phantom patients they are drawn from")
    parser.add_argument("--wordings", type=int, default=4)
    parser.add_argument(
        "--single", type=int, default=800, help="items asked for one by one, also by the library"
    )
    parser.add_argument("--loop", type=int, default=30, help="items of the loop")
    parser.add_argument("--repeats", type=int, default=1, help="runs of `per_item` and library; best counts")
    parser.add_argument("--slots", type=int, default=32)
    parser.add_argument("--latency", type=float, default=0.3)
    parser.add_argument("--mistakes", type=float, default=0.01, help="share of sentences the model spoils")
    parser.add_argument(
        "--concurrency", type=int, default=48, help="questions under way, of nastdata and library"
    )
    args = parser.parse_args()
    out: Path = args.out or Path(mkdtemp(prefix="writers-"))
    out.mkdir(parents=True, exist_ok=True)
    run = out / time.strftime("run-%Y%m%d-%H%M%S")  # its own cache: nothing is served from an earlier run
    run.mkdir()
    from nastdata.ontology import load_ontology

    ontology = load_ontology("chest_xray")
    python, version = install(out / "library")
    rows: list[Contender] = []

    def run_best(name: str, make: Callable[[Path], list[dict[str, Any]]], times: int) -> list[dict[str, Any]]:
        """Run a contender some times, each with caches of its own; the one that asked fastest counts."""
        best: tuple[Contender, list[dict[str, Any]]] | None = None
        for i in range(times):
            server.reset()
            made = make(run / f"{len(rows)}-{i}")
            row = Contender(name, server.read(), judge_items(made, ontology))
            if best is None or row.served.wall < best[0].served.wall:
                best = row, made
        assert best is not None
        rows.append(best[0])
        print(best[0].line(), flush=True)
        return best[1]

    print(f"{describe_machine()}, load {os.getloadavg()[0]:.1f}")
    print(
        f"server: {args.latency * 1000:.0f} ms, {args.slots} slots, "
        f"{100 * args.mistakes:g} % of sentences spoiled\n"
    )
    print(HEADER, flush=True)
    with serve(args.slots, args.latency, args.mistakes) as server:
        given = {"phantom_patients": args.patients, "writer__wordings": args.wordings}
        run_best("nastdata, bank", lambda at: build(server, at, args.concurrency, args.items, **given), 1)
        own = {"design": "paper", "phantom_patients": max(4 * args.single, 500), "writer__per_item": "true"}
        single = run_best(
            "nastdata, `per_item`",
            lambda at: build(server, at, args.concurrency, args.single, **own),
            args.repeats,
        )
        loop = [sys.executable, str(HERE / "sequential_items.py")]
        few = single[: args.loop]
        run_best("loop, two calls an item", lambda at: ask_elsewhere(loop, server, few, at), 1)
        if python:
            library = [python, str(HERE / "curator_items.py"), "--concurrency", str(args.concurrency)]
            run_best(
                f"{LIBRARY} {version}", lambda at: ask_elsewhere(library, server, single, at), args.repeats
            )
    tell(rows, args.items)


def tell(rows: Sequence[Contender], items: int) -> None:
    """Print what the others would need for as many items as went through the bank."""
    bank, *others = rows
    print(f"\nFor {items:,} items, extrapolated from the calls an item and answers a second above:\n")
    print(
        "| who | calls | times the bank's | asking, minutes | items with a wrong text |\n"
        "|---|---|---|---|---|"
    )
    s, j = bank.served, bank.judged
    print(f"| {bank.name} (measured) | {s.calls:,} | 1 | {s.wall / 60:.1f} | {j.wrong_items:,} |")
    for row in others:
        # Items one by one need as many calls each, however many there are.
        calls = row.served.calls / row.judged.items * items
        minutes = calls / (row.served.calls / row.served.wall) / 60
        wrong = row.judged.wrong_items / row.judged.items * items
        print(f"| {row.name} | {calls:,.0f} | {calls / s.calls:.1f} | {minutes:.1f} | {wrong:,.0f} |")
    spoiled = ", ".join(f"{r.name} {r.served.spoiled:,}" for r in rows)
    print(f"\nSentences that the server handed out spoiled: {spoiled}.")
    templates = sum(r.judged.by_template for r in rows)
    print(f"Items worded by the template because the model kept failing, not judged: {templates:,}.")


if __name__ == "__main__":
    main()
