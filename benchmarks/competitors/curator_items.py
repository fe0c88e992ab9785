"""The items of a task file through bespokelabs-curator, one question an item; run in its own environment.

    python curator_items.py TASKS.jsonl ANSWERS.jsonl --base-url http://127.0.0.1:8000/v1 --concurrency 48

Each task has ``id`` and ``prompt``; each answer has ``id``, ``negated`` and ``affirmative``. The library's
own concurrency, retries and structured output are used; its telemetry, viewer and model price list from the
network are switched off.
"""

from __future__ import annotations

import argparse
import json
import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

QUIET = {
    "TELEMETRY_ENABLED": "false",
    "CURATOR_VIEWER": "0",
    "CURATOR_DISABLE_RICH_DISPLAY": "1",
    "CURATOR_DISABLE_CACHE": "1",
    "BESPOKE_CURATOR_TRACKER_DISABLED": "1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
}
MODEL = "gpt-4o-mini"
"""A name whose structured output the library believes in; the server takes any."""


def main() -> None:
    """Read the tasks, ask, write the answers."""
    parser = argparse.ArgumentParser()
    parser.add_argument("tasks", type=Path)
    parser.add_argument("answers", type=Path)
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--concurrency", type=int, required=True)
    args = parser.parse_args()
    os.environ.update(QUIET, OPENAI_API_KEY="none")
    os.environ["CURATOR_CACHE_DIR"] = str(args.answers.with_suffix(".curator"))

    # The library counts tokens with a table that it would fetch; another of its dependencies ships the same.
    spec = find_spec("litellm")
    assert spec is not None and spec.origin is not None
    table = Path(spec.origin).parent / "litellm_core_utils" / "tokenizers"
    os.environ["TIKTOKEN_CACHE_DIR"] = str(table)

    from pydantic import BaseModel

    curator: Any = import_module("bespokelabs.curator")

    class Texts(BaseModel):
        negated: list[str]
        affirmative: list[str]

    def prompt(self: Any, row: dict[str, Any]) -> str:
        return str(row["prompt"])

    def parse(self: Any, row: dict[str, Any], response: Texts) -> dict[str, Any]:
        return {"id": row["id"], "negated": response.negated, "affirmative": response.affirmative}

    # Made by hand, since the base class is known where the library is installed only.
    items = type("Items", (curator.LLM,), {"response_format": Texts, "prompt": prompt, "parse": parse})
    writer: Any = items(
        model_name=MODEL,
        backend="openai",
        backend_params={
            "base_url": args.base_url,
            "max_concurrent_requests": args.concurrency,
            "max_requests_per_minute": 1_000_000,
            "max_tokens_per_minute": 1_000_000_000,
            "require_all_responses": False,
        },
    )
    tasks = [json.loads(line) for line in args.tasks.read_text().splitlines()]
    made = writer(tasks).dataset
    with args.answers.open("w") as f:
        for row in made:
            f.write(json.dumps(dict(row)) + "\n")


if __name__ == "__main__":
    main()
