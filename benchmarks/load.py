"""Ten thousand distinct questions through a slow, failing server: nothing lost, nothing paid twice.

    python benchmarks/load.py [--questions 10000] [--slots 32] [--latency 0.5] [--write]

The local server answers ``slots`` requests at a time, each after ``latency`` seconds; some get 429 (with
Retry-After), some 500, some hang beyond the time limit, some connections are cut in the middle of an answer,
some answers take ten times as long. The client is the writers' own (``nastdata.llm``), with its answer cache
on disk. Capacity is slots / latency; the ideal is the number of deliveries over the capacity.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from machine import describe_machine
from page_tables import ROOT, draw_table, write_section

RATES = {"429": 0.02, "500": 0.02, "hang": 0.002, "cut off": 0.01, "slow": 0.02}


def run(questions: int, slots: int, latency: float, folder: Path, rates: dict[str, float]) -> dict[str, Any]:
    """Ask all questions twice: from the server, then from the cache; return what it took."""
    sys.path.insert(0, str(ROOT / "tests" / "helpers"))
    from failing_server import serve_failing

    from nastdata.llm.answer_schemas import sentences_schema
    from nastdata.llm.base import Answer, CallFailure, Request
    from nastdata.llm.cache import AnswerCache
    from nastdata.llm.openai_client import OpenAIAdapter
    from nastdata.recipe import WriterSettings

    os.environ.setdefault("OPENAI_API_KEY", "none")
    with serve_failing(rates, slots=slots, latency=latency) as (url, served):
        settings = WriterSettings(
            realizer="openai",
            base_url=url,
            model="m",
            max_concurrency=slots + slots // 3,
            timeout=max(2.0, 20 * latency),
            max_retries=8,
        )
        cache = AnswerCache(folder / "answers.sqlite")
        failures: list[str] = []
        again: dict[str, int] = {}

        def make(i: int) -> Request:
            form = sentences_schema(1)
            return Request("openai", "m", None, (("user", f"question {i}"),), form, (), 0, url)

        def reply(request: Request, result: Answer | CallFailure) -> Sequence[Request]:
            if isinstance(result, CallFailure):
                again[request.key] = again.get(request.key, 0) + 1
                if again[request.key] <= 3:
                    return [request]
                failures.append(result.reason)
            return []

        start, cpu = time.monotonic(), time.process_time()
        OpenAIAdapter(settings).converse((make(i) for i in range(questions)), cache.put, reply)
        seconds, used = time.monotonic() - start, time.process_time() - cpu
        keys = [make(i).key for i in range(questions)]
        kept = cache.get_many(keys, url)
        cache.close()
        right = sum(
            json.loads(kept[k].text)["sentences"] == [f"answer {i}"] for i, k in enumerate(keys) if k in kept
        )
    return {
        "questions": questions,
        "answers kept": len(kept),
        "right": right,
        "without an answer": len(failures),
        "requests at the server": served.requests,
        "delivered": served.delivered,
        "delivered twice": served.delivered - questions,
        "faults": dict(served.faults),
        "put again by us": sum(again.values()),
        "most under way": served.most_under_way,
        "seconds": seconds,
        "CPU seconds": used,
        "ideal": served.work / slots,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    """Run and print the table; exit code 1 if a question was lost."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--questions", type=int, default=10_000)
    parser.add_argument("--slots", type=int, default=32)
    parser.add_argument("--latency", type=float, default=0.5)
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = run(args.questions, args.slots, args.latency, Path(folder), RATES)
    faults = ", ".join(f"{k} {v:,}" for k, v in sorted(found["faults"].items()))
    rows: list[tuple[object, ...]] = [
        ("distinct questions", f"{found['questions']:,}"),
        ("answers kept, each the right one", f"{found['answers kept']:,}, {found['right']:,}"),
        ("questions without an answer", f"{found['without an answer']:,}"),
        ("requests that reached the server", f"{found['requests at the server']:,}"),
        ("of them spoiled by the server", faults),
        ("answers delivered a second time", f"{found['delivered twice']:,}"),
        ("questions that we put again after the SDK's retries", f"{found['put again by us']:,}"),
        ("most requests under way", f"{found['most under way']:,} (slots: {args.slots})"),
        ("time", f"{found['seconds']:.1f} s"),
        ("time of a server never idle, for the same requests", f"{found['ideal']:.1f} s"),
        ("share of the server's capacity used", f"{found['ideal'] / found['seconds']:.0%}"),
        ("CPU time of client and server together", f"{found['CPU seconds']:.1f} s"),
        ("peak memory of client and server together", f"{found['megabytes']:.0f} MB"),
    ]
    table = draw_table(("", "measured"), rows)
    print(table)
    if args.write:
        how = (
            f"{args.slots} slots, {args.latency * 1000:.0f} ms a question; client and server in one process."
        )
        write_section("load", f"{table}\n\n{how} {describe_machine()}.")
    sys.exit(found["answers kept"] != found["questions"] or found["right"] != found["questions"])


if __name__ == "__main__":
    main()
