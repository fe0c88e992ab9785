"""A real HTTP server on loopback that speaks chat completions, writes true sentences, misbehaves on demand.

It understands our prompts only through their text, as a model would, and shares no code with the package.
Faults hang on a hash of the request and on how often it came, so that a run can be repeated.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from loopback import run_server

TRANSPORT = ("429", "500", "hang")
CONTENT = ("cut", "wrong", "extra", "refusal", "debris")


@dataclass
class Faults:
    """Share of requests that go wrong in each way."""

    rates: dict[str, float] = field(default_factory=dict)
    hang_seconds: float = 30.0

    def pick(self, kinds: tuple[str, ...], *key: object) -> str | None:
        u = int(hashlib.md5(repr(key).encode()).hexdigest()[:8], 16) / 2**32
        for kind in kinds:
            u -= self.rates.get(kind, 0.0)
            if u < 0:
                return kind
        return None


@dataclass
class Served:
    """What the server saw."""

    delivered: list[str] = field(default_factory=list)
    """Hash of each request whose answer was sent, in order."""
    faults: Counter[str] = field(default_factory=Counter)
    under_way: int = 0
    most_under_way: int = 0
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)


def write_sentences(prompt: str) -> list[str]:
    """Answer one of our prompts with true sentences."""
    numbered = re.findall(r"^(\d+)\. (.*)$", prompt, re.M)
    if "Construction to lean on:" in prompt:
        return [_options(line) for _, line in numbered]
    if "Sentences:" in prompt:
        pairs = re.findall(r'^- absence of (.*?): "(.*?)"', prompt, re.M)
        return [_affirm(line, pairs) for _, line in numbered]
    if "For every numbered fact" in prompt:
        listed = [line.replace("; ", "\n- ") for _, line in numbered]
        return [_captions(f"You write 1\n- {line}\n")[0] for line in listed]
    return _captions(prompt)


def _options(line: str) -> str:
    findings = [f.rsplit(": ", 1) for f in line.strip().rstrip(";").split("; ")]
    clauses = [
        f"{'presence' if state.strip() == 'present' else 'absence'} of {name}" for name, state in findings
    ]
    text = ", ".join(clauses[:-1]) + f", and {clauses[-1]}"
    return text[0].upper() + text[1:] + "."


def _affirm(sentence: str, pairs: list[tuple[str, str]]) -> str:
    for absent, affirmative in pairs:
        sentence = re.sub(
            f"absence of {re.escape(absent)}", f"presence of {affirmative}", sentence, flags=re.I
        )
    return sentence[0].upper() + sentence[1:]


def _captions(prompt: str) -> list[str]:
    def value(name: str) -> str | None:
        found = re.search(rf"^- {name}: (.*)$", prompt, re.M)
        return found.group(1).strip() if found else None

    found = re.search(r"You write (\d+)", prompt)
    assert found, prompt
    count = int(found.group(1))
    name, statement = str(value("finding")), str(value("statement"))
    place, grade = value("place"), value("grade")
    subject = f"{grade} {name}" if grade else name
    where = f" {place}" if place else ""
    be = "are" if name.endswith("devices") else "is"
    if "NOT at the place" in statement:
        base = [f"{name} {be} present but not{where}", f"{name} {be} not{where}"]
    elif "NOT of the grade" in statement:
        base = [f"{name} {be} present but not {grade}", f"the {name} {be} not {grade}"]
    elif "absent" in statement or "none" in statement:
        base = [
            f"there {be} no {subject}{where}",
            f"no {subject} {be} seen{where}",
            f"no evidence of {subject}{where}",
        ]
    else:
        base = [
            f"{subject} {be} present{where}",
            f"{subject} {be} seen{where}",
            f"{subject} {be} noted{where}",
        ]
    return [(t := base[i % len(base)])[0].upper() + t[1:] + "." for i in range(count)]


def _spoil(sentences: list[str], kind: str) -> list[str]:
    if kind == "wrong":
        flips = {"presence": "absence", "absence": "presence", "Presence": "Absence", "Absence": "Presence"}
        first = re.sub(r"(?i)presence|absence", lambda m: flips[m.group()], sentences[0], count=1)
        return [first, *sentences[1:]]
    if kind == "extra":
        return [sentences[0].rstrip(".") + ", with hiatal hernia and lung fibrosis.", *sentences[1:]]
    return [f"Sure, here is the sentence: **{sentences[0]}**", *sentences[1:]]


@contextmanager
def serve(
    faults: Faults | None = None,
    *,
    latency: float = 0.0,
    slots: int = 10_000,
    honours: tuple[str, ...] = ("json_schema",),
    dress: Callable[[str], str | None] = str,
    write: Callable[[str, str], list[str]] | None = None,
    answer: Callable[[str], str] | None = None,
) -> Iterator[tuple[str, Served]]:
    """Run the server; yields (base URL, what it saw).

    ``write`` answers a prompt in place of ``write_sentences``; it is given a hash of the whole request too,
    so that it can answer otherwise when asked again. ``answer`` writes all that is said to a prompt.
    """
    wrong = faults or Faults()
    served = Served()
    seen: Counter[str] = Counter()
    lock = threading.Lock()
    places = threading.Semaphore(slots)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def _send(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            for k, v in (headers or {}).items():
                self.send_header(k, v)
            self.end_headers()
            self.wfile.write(data)

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            body = json.loads(raw)
            mark = hashlib.sha256(raw).hexdigest()[:16]
            with lock:
                seen[mark] += 1
                nth = seen[mark]
                served.under_way += 1
                served.most_under_way = max(served.most_under_way, served.under_way)
                served.bodies.append(body)
                served.keys.append(self.headers.get("Authorization"))
            try:
                with places:
                    self._answer(body, mark, nth)
            except (BrokenPipeError, ConnectionResetError):
                pass
            finally:
                with lock:
                    served.under_way -= 1

        def _answer(self, body: dict[str, Any], mark: str, nth: int) -> None:
            time.sleep(latency)
            prompt = body["messages"][-1]["content"]
            first = next(m["content"] for m in body["messages"] if m["role"] == "user")
            asked = body.get("response_format", {}).get("type")
            if "Write the word hello" in prompt:
                text = '{"zq": "k7-probe"}' if asked in honours else "hello"
                return self._send(200, completion(body, text, mark))
            kind = wrong.pick(TRANSPORT, mark, nth)
            if kind:
                served.faults[kind] += 1
            if kind == "429":
                return self._send(429, {"error": {"message": "slow down"}}, {"Retry-After": "0.05"})
            if kind == "500":
                return self._send(500, {"error": {"message": "oops"}})
            if kind == "hang":
                time.sleep(wrong.hang_seconds)
                self.close_connection = True
                return None
            sentences = [] if answer else write(first, mark) if write else write_sentences(first)
            if "was refused:" in prompt:
                again = re.findall(r"^- sentence (\d+): ", prompt, re.M)
                sentences = [sentences[int(i) - 1] for i in again]
            kind = wrong.pick(CONTENT, "content", mark)
            if kind:
                served.faults[kind] += 1
            if sentences and kind in ("wrong", "extra", "debris"):
                sentences = _spoil(sentences, kind)
            text = answer(first) if answer else json.dumps({"sentences": sentences})
            if kind == "cut":
                text = text[: len(text) // 2]
            dressed = dress(text)
            with lock:
                served.delivered.append(mark)
            return self._send(200, completion(body, dressed, mark, refusal=kind == "refusal"))

    with run_server(Handler) as url:
        yield f"{url}/v1", served


def completion(body: dict[str, Any], text: str | None, mark: str, *, refusal: bool = False) -> dict[str, Any]:
    message = {
        "role": "assistant",
        "content": None if refusal else text,
        "refusal": "I can't." if refusal else None,
    }
    return {
        "id": f"cmpl-{mark}",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "system_fingerprint": mark,
        "choices": [{"index": 0, "finish_reason": "stop", "message": message, "logprobs": None}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150},
    }
