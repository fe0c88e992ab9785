"""A local OpenAI-compatible server with a fixed latency and number of slots, which counts what it serves.

    python -m competitors.slots_server --port 0 --slots 32 --latency 0.3 --mistakes 0.01

It prints its address, answers ``POST /v1/chat/completions`` by ``scripted_model``, and tells of the calls
since the last ``GET /reset`` at ``GET /counts``. A question that finds no free slot waits for one; a slot is
busy from when a question gets it until its answer is there. It stops when its standard input is closed.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from competitors.scripted_model import fill_schema, is_task, write_answer

REASONS = {200: "OK", 404: "Not Found"}


@dataclass
class Counts:
    """What was served since the last reset; times are monotonic seconds."""

    calls: int = 0
    probes: int = 0
    """Questions that only find out what the server honours; they hold no slot and count for nothing else."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    spoiled: int = 0
    """Sentences that were handed out wrong."""
    most_waiting: int = 0
    spans: list[tuple[float, float, float]] = field(default_factory=list)
    """Of each call: when it came, when it got its slot, when its answer was there."""


class SlotsServer:
    """The server's state: its slots and what it counted.

    Args:
        slots: how many questions it works on at a time.
        latency: seconds that each takes.
        mistakes: share of sentences that its model spoils.
    """

    def __init__(self, slots: int, latency: float, mistakes: float) -> None:
        self.latency, self.mistakes = latency, mistakes
        self.counts = Counts()
        self._slots = asyncio.Semaphore(slots)
        self._waiting = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                first, *lines = head.split("\r\n")
                length = next(
                    (int(x.split(":")[1]) for x in lines if x.lower().startswith("content-length:")), 0
                )
                raw = await reader.readexactly(length)
                status, reply = await self.answer(first.split(" ")[1], raw)
                data = json.dumps(reply).encode()
                writer.write(
                    f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(data)}\r\n\r\n".encode()
                    + data
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return  # the client has gone, or the server ends
        finally:
            writer.close()

    async def answer(self, path: str, raw: bytes) -> tuple[int, dict[str, Any]]:
        """Return (status, reply) of one request."""
        if path == "/reset":
            self.counts = Counts()
            return 200, {}
        if path == "/counts":
            return 200, vars(self.counts)
        if not path.endswith("/chat/completions"):
            return 404, {"error": {"message": f"nothing at {path}"}}
        came = time.monotonic()
        body = json.loads(raw)
        counts = self.counts
        messages = body.get("messages") or []
        prompt_tokens = sum(len(m["content"]) for m in messages) // 4
        if not is_task(messages):
            counts.probes += 1
            schema = body.get("response_format", {}).get("json_schema", {}).get("schema", {})
            return 200, complete(body, json.dumps(fill_schema(schema)), prompt_tokens)
        text, spoiled = write_answer(messages, self.mistakes)
        self._waiting += 1
        counts.most_waiting = max(counts.most_waiting, self._waiting)
        async with self._slots:
            got = time.monotonic()
            await asyncio.sleep(self.latency)
            done = time.monotonic()
        self._waiting -= 1
        counts.calls += 1
        counts.prompt_tokens += prompt_tokens
        counts.completion_tokens += len(text) // 4
        counts.spoiled += spoiled
        counts.spans.append((came, got, done))
        return 200, complete(body, text, prompt_tokens)


def complete(body: dict[str, Any], text: str, prompt_tokens: int) -> dict[str, Any]:
    """Return a chat completion."""
    tokens = len(text) // 4
    return {
        "id": "cmpl-" + hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16],
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": text, "refusal": None},
                "logprobs": None,
            }
        ],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": tokens,
            "total_tokens": prompt_tokens + tokens,
        },
    }


async def run(port: int, slots: int, latency: float, mistakes: float) -> None:
    """Serve until standard input is closed."""
    state = SlotsServer(slots, latency, mistakes)
    server = await asyncio.start_server(state.serve, "127.0.0.1", port, limit=2**22)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description="A local server with a fixed latency and number of slots.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--slots", type=int, default=32)
    parser.add_argument("--latency", type=float, default=0.3)
    parser.add_argument("--mistakes", type=float, default=0.01)
    args = parser.parse_args()
    asyncio.run(run(args.port, args.slots, args.latency, args.mistakes))


if __name__ == "__main__":
    main()
