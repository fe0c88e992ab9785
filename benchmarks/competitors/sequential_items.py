"""The items of a task file in a plain loop, as published generation scripts do it: two questions an item.

    python sequential_items.py TASKS.jsonl ANSWERS.jsonl --base-url http://127.0.0.1:8000/v1

One question for the negated options of an item, one for their affirmative rewrites, one after the other; what
comes back is taken as it is. Each task has ``id``, ``first`` and ``second``, into which the answers to
the first are put.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def main() -> None:
    """Read the tasks, ask, write the answers."""
    parser = argparse.ArgumentParser()
    parser.add_argument("tasks", type=Path)
    parser.add_argument("answers", type=Path)
    parser.add_argument("--base-url", required=True)
    args = parser.parse_args()

    from openai import OpenAI

    client = OpenAI(base_url=args.base_url, api_key="none")

    def ask(prompt: str) -> list[str]:
        reply = client.chat.completions.create(model="m", messages=[{"role": "user", "content": prompt}])
        return [str(s) for s in json.loads(reply.choices[0].message.content or "{}")["sentences"]]

    with args.answers.open("w") as f:
        for line in args.tasks.read_text().splitlines():
            task = json.loads(line)
            negated = ask(task["first"])
            numbered = "\n".join(f"{i}. {s}" for i, s in enumerate(negated, 1))
            affirmative = ask(task["second"].replace("SENTENCES", numbered))
            f.write(json.dumps({"id": task["id"], "negated": negated, "affirmative": affirmative}) + "\n")


if __name__ == "__main__":
    main()
