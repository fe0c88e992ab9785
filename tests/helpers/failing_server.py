"""A slow server that fails in every way that networks do; it counts what it saw and what it delivered."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from loopback import run_server


@dataclass
class Seen:
    """What the server saw."""

    requests: int = 0
    delivered: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    under_way: int = 0
    most_under_way: int = 0
    work: float = 0.0
    """Slot-seconds at work."""


@contextmanager
def serve_failing(
    rates: dict[str, float], *, slots: int, latency: float, hang: float = 30.0
) -> Iterator[tuple[str, Seen]]:
    """Run the server; yields (base URL, what it saw).

    Faults hang on a hash of the question and on how often it came: 429, 500, hang, cut off (half an answer,
    then the connection is closed), slow (ten times the latency).
    """
    seen = Seen()
    times: Counter[str] = Counter()
    lock = threading.Lock()
    places = threading.Semaphore(slots)
    end = threading.Event()

    def pick(question: str, nth: int) -> str | None:
        u = int(hashlib.md5(f"{question}/{nth}".encode()).hexdigest()[:8], 16) / 2**32
        for kind, rate in rates.items():
            u -= rate
            if u < 0:
                return kind
        return None

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            question = body["messages"][-1]["content"]
            if "Write the word hello" in question:
                return self.send(200, completion('{"zq": "k7-probe"}'))
            with lock:
                times[question] += 1
                nth = times[question]
                seen.requests += 1
                seen.under_way += 1
                seen.most_under_way = max(seen.most_under_way, seen.under_way)
            try:
                self.answer(question, pick(question, nth))
            except (BrokenPipeError, ConnectionResetError):
                pass
            finally:
                with lock:
                    seen.under_way -= 1
            return None

        def answer(self, question: str, kind: str | None) -> None:
            if kind:
                with lock:
                    seen.faults[kind] += 1
            if kind == "429":
                return self.send(429, {"error": {"message": "slow down"}}, {"Retry-After": "0.05"})
            if kind == "500":
                return self.send(500, {"error": {"message": "oops"}})
            if kind == "hang":
                end.wait(hang)
                self.close_connection = True
                return None
            with places:
                took = latency * (10 if kind == "slow" else 1)
                time.sleep(took)
                with lock:
                    seen.work += took
            number = re.findall(r"\d+", question)[-1]
            reply = completion(json.dumps({"sentences": [f"answer {number}"]}))
            if kind == "cut off":
                data = json.dumps(reply).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data[: len(data) // 2])
                self.wfile.flush()
                self.close_connection = True
                return None
            self.send(200, reply)
            with lock:
                seen.delivered += 1
            return None

        def send(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            for k, v in (headers or {}).items():
                self.send_header(k, v)
            self.end_headers()
            self.wfile.write(data)

    with run_server(Handler) as url:
        try:
            yield f"{url}/v1", seen
        finally:
            end.set()


def completion(text: str) -> dict[str, Any]:
    """Return a chat completion."""
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": text},
                "logprobs": None,
            }
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }
