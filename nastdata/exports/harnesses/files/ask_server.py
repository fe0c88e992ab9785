"""Puts a protocol file to an OpenAI-compatible server.

    python ask_server.py PROTOCOL.json --url URL --model NAME --output RESULTS.json

Writes results that CXR-ContraBench's ``analyze_results.py`` reads. Only the standard library. An answer from
which no option can be read is written as the letter "?", which no record has as its gold: it is wrong,
not "A".
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))

import nast_metrics as metrics  # noqa: E402
from nast_answer_reader import read_answer  # noqa: E402


def ask(record: dict[str, Any], url: str, model: str, max_tokens: int) -> tuple[str, bool]:
    """Return the answer's text, and whether it was cut."""
    options = [o.partition(". ")[2] for o in record["options"]]
    content: list[dict[str, Any]] = []
    for name in record["image_paths"]:
        path = Path(name) if Path(name).is_absolute() else HERE / name
        kind = "jpeg" if path.suffix == ".jpg" else "png"
        data = base64.b64encode(path.read_bytes()).decode()
        content.append({"type": "image_url", "image_url": {"url": f"data:image/{kind};base64,{data}"}})
    content.append({"type": "text", "text": metrics.word_question(record["question"], options)})
    body = {"model": model, "messages": [{"role": "user", "content": content}], "temperature": 0}
    request = urllib.request.Request(  # noqa: S310
        f"{url.rstrip('/')}/chat/completions",
        json.dumps({**body, "max_tokens": max_tokens}).encode(),
        {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {os.environ.get('OPENAI_API_KEY', 'none')}",
        },
    )
    # no proxy: the images may be restricted
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=300) as reply:
        choice = json.load(reply)["choices"][0]
    return choice["message"].get("content") or "", choice.get("finish_reason") == "length"


def main() -> None:
    """Ask every record, write results, print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("protocol", type=Path)
    parser.add_argument("--url", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--max-tokens", type=int, default=1024)
    args = parser.parse_args()
    results, rows = [], []
    for record in json.loads(args.protocol.read_text(encoding="utf-8"))["records"]:
        said, cut = ask(record, args.url, args.model, args.max_tokens)
        options = [o.partition(". ")[2] for o in record["options"]]
        reading = read_answer(said, options, cut=cut)
        letter, gold = reading.letter or "?", record["gold_letter"]
        right = letter == gold
        results.append({**record, "predicted_letter": letter, "prediction": letter, "answer": said})
        results[-1] |= {"correct": right, "is_correct": right}
        rows.append({**record["metadata"], "score": float(right), "unusable": float(reading.letter is None)})
    args.output.write_text(json.dumps({"records": results}, indent=1) + "\n", encoding="utf-8")
    print(
        f"accuracy {metrics.accuracy(rows):.4f} +- {metrics.clustered_stderr(rows):.4f}  whole groups "
        f"{metrics.whole_groups(rows):.4f}  unusable {metrics.unusable(rows):.4f}  n={len(rows)}"
    )


if __name__ == "__main__":
    main()
