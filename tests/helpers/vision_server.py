"""A real HTTP server on loopback that answers questions about images, as it is scripted to."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from loopback import run_server


@dataclass
class Question:
    """One request, as a model would see it."""

    body: dict[str, Any]
    prompt: str
    image: bytes | None
    options: dict[str, str]
    """Letter -> text, read from the prompt."""
    nth: int
    """How often just this was asked, from 1."""
    path: str = ""
    images: tuple[bytes, ...] = ()
    """All of them, in their order."""

    @property
    def mark(self) -> str:
        """A hash of image and prompt."""
        return hashlib.sha256((self.image or b"") + self.prompt.encode()).hexdigest()


@dataclass
class Reply:
    """What the server says."""

    text: str | None = ""
    status: int = 200
    finish: str = "stop"
    model: str | None = None
    """The name that the server gives its model; what was asked for if None."""
    headers: dict[str, str] = field(default_factory=dict)
    error: str = "oops"
    logprobs: list[tuple[str, float]] | None = None
    usage: bool = True
    raw: bytes | None = None


@dataclass
class Seen:
    """What the server was asked."""

    questions: list[Question] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0


Script = Callable[[Question], "str | Reply"]
OPTION = re.compile(r"^\(?([A-G])[.)]\s+(.*)$", re.M)


def read_question(body: dict[str, Any]) -> tuple[str, tuple[bytes, ...]]:
    content = body["messages"][-1]["content"]
    if isinstance(content, str):
        return content, ()
    texts = [p["text"] for p in content if p["type"] == "text"]
    urls = [p["image_url"]["url"] for p in content if p["type"] == "image_url"]
    return "\n".join(texts), tuple(base64.b64decode(u.partition(",")[2]) for u in urls)


@contextmanager
def serve_vision(script: Script) -> Iterator[tuple[str, Seen]]:
    """Run the server; yields (base URL, what it saw)."""
    seen = Seen()
    times: dict[str, int] = {}
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            prompt, images = read_question(body)
            mark = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
            with lock:
                times[mark] = times.get(mark, 0) + 1
                image, options = next(iter(images), None), dict(OPTION.findall(prompt))
                q = Question(body, prompt, image, options, times[mark], self.path, images)
                seen.questions.append(q)
                seen.under_way += 1
                seen.most_under_way = max(seen.most_under_way, seen.under_way)
            try:
                said = script(q)
                self._send(said if isinstance(said, Reply) else Reply(said), body)
            except (BrokenPipeError, ConnectionResetError):
                pass
            finally:
                with lock:
                    seen.under_way -= 1

        def _send(self, reply: Reply, body: dict[str, Any]) -> None:
            if reply.raw is not None:
                data = reply.raw
            elif reply.status != 200:
                data = json.dumps({"error": {"message": reply.error}}).encode()
            else:
                data = json.dumps(complete(body, reply)).encode()
            self.send_response(reply.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            for k, v in reply.headers.items():
                self.send_header(k, v)
            self.end_headers()
            self.wfile.write(data)

    with run_server(Handler) as url:
        yield f"{url}/v1", seen


def complete(body: dict[str, Any], reply: Reply) -> dict[str, Any]:
    choice: dict[str, Any] = {
        "index": 0,
        "finish_reason": reply.finish,
        "message": {"role": "assistant", "content": reply.text},
    }
    if reply.logprobs is not None:
        top = [{"token": t, "logprob": v, "bytes": None} for t, v in reply.logprobs]
        choice["logprobs"] = {"content": [{**top[0], "top_logprobs": top}]}
    out: dict[str, Any] = {"id": "x", "object": "chat.completion", "created": 0, "choices": [choice]}
    out["model"] = reply.model or body["model"]
    if reply.usage:
        out["usage"] = {"prompt_tokens": 300, "completion_tokens": 2, "total_tokens": 302}
    return out
