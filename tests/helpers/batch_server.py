"""A real HTTP server on loopback with files, batches and live chat, slow and faulty on demand.

The same questions get the same answers from both ways. Jobs go on with every look at them. Faults hang on a
hash of the question and on how often it came, so that a run can be repeated. It shares no code with the
package.
"""

from __future__ import annotations

import email
import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from loopback import run_server
from servers import Faults, completion, write_sentences

LOST = ("expired", "500", "missing")
CONTENT = ("cut", "wrong", "refusal")


@dataclass
class Plan:
    """How the server behaves."""

    rates: dict[str, float] = field(default_factory=dict)
    """Share of questions that are lost in a job (``LOST``) or badly answered (``CONTENT``)."""
    looks: int = 1
    """Looks at a job that it is under way for."""
    hold: dict[str, float] = field(default_factory=dict)
    """Event -> seconds between the deed and the reply, in which a client may be killed."""
    late: float = 0.0
    """Seconds after which a job that was asked for comes into being, if its client waits or not."""
    fail: dict[int, str] = field(default_factory=dict)
    """Number of a job from 0 -> error code that it fails with, or "cancelled"."""
    status: dict[str, list[int]] = field(default_factory=dict)
    """Event -> HTTP statuses of its first replies; 0: do as asked."""
    after: dict[str, list[int]] = field(default_factory=dict)
    """As ``status``, but the deed is done before the fault is told."""
    bare: bool = False
    """No files and no batches."""


@dataclass
class Seen:
    """What the server did."""

    events: list[str] = field(default_factory=list)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    paid: Counter[str] = field(default_factory=Counter)
    """Hash of a question -> how often it was answered, live or in a job."""
    asked: Counter[str] = field(default_factory=Counter)
    prompts: list[str] = field(default_factory=list)
    """Of live calls: all their words."""
    live: int = 0
    probes: int = 0

    def count(self, event: str) -> int:
        return self.events.count(event)


def answer(body: dict[str, Any], faults: Faults) -> dict[str, Any]:
    """Answer a chat completion; the probe's question included."""
    mark = name(body)
    first = next(m["content"] for m in body["messages"] if m["role"] == "user")
    if "Write the word hello" in first:
        return completion(body, '{"zq": "k7-probe"}', mark)
    sentences = write_sentences(first)
    last = body["messages"][-1]["content"]
    if "was refused:" in last:
        again = [line.split()[2].rstrip(":") for line in last.splitlines() if line.startswith("- sentence ")]
        sentences = [sentences[int(i) - 1] for i in again]
    kind = faults.pick(CONTENT, "content", mark)
    if kind == "wrong":
        swap = {"Presence": "Absence", "Absence": "Presence"}
        head = sentences[0].split(" ", 1)
        sentences = [" ".join([swap.get(head[0], head[0]), *head[1:]]), *sentences[1:]]
    # A separator that JSON may hold as it is, and that would break a naive reader of lines.
    text = json.dumps({"sentences": sentences, "\u2028": 1} if kind == "cut" else {"sentences": sentences})
    return completion(body, text, mark, refusal=kind == "refusal")


def name(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]


class _Shop:
    """Files and jobs."""

    def __init__(self, plan: Plan, seen: Seen) -> None:
        self.plan, self.seen, self.faults = plan, seen, Faults(plan.rates)
        self.files: dict[str, bytes] = {}
        self.lock = threading.RLock()

    def add_file(self, content: bytes) -> str:
        with self.lock:
            key = f"file-{len(self.files)}"
            self.files[key] = content
        return key

    def add_job(self, asked: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            number = len(self.seen.jobs)
            job = {
                "id": f"batch_{number}",
                "object": "batch",
                "endpoint": asked["endpoint"],
                "input_file_id": asked["input_file_id"],
                "completion_window": asked["completion_window"],
                "metadata": asked.get("metadata"),
                "created_at": int(time.time()),
                "status": "validating",
                "looks": 0,
                "number": number,
            }
            self.seen.jobs.append(job)
        return job

    def look(self, job: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            job["looks"] += 1
            if job["status"] in ("validating", "in_progress"):
                lines = [json.loads(x) for x in self.files[job["input_file_id"]].splitlines()]
                code = self.plan.fail.get(job["number"])
                done = 0
                if job["looks"] <= self.plan.looks:
                    job["status"] = "in_progress"
                    done = len(lines) * job["looks"] // (self.plan.looks + 1)
                elif code and code != "cancelled":
                    job["status"] = "failed"
                    errors = [{"code": code, "message": f"{code}: told by the server", "line": 1}]
                    job["errors"] = {"object": "list", "data": errors}
                else:
                    self._finish(job, lines[: len(lines) // 2] if code else lines, code or "completed")
                    done = len(lines)
                job["request_counts"] = {"total": len(lines), "completed": done, "failed": 0}
            return self.show(job)

    def show(self, job: dict[str, Any]) -> dict[str, Any]:
        return {k: v for k, v in job.items() if k not in ("looks", "number")}

    def _finish(self, job: dict[str, Any], lines: list[dict[str, Any]], status: str) -> None:
        good: list[dict[str, Any]] = []
        bad: list[dict[str, Any]] = []
        for line in lines:
            assert set(line) == {"custom_id", "method", "url", "body"} and len(line["custom_id"]) <= 64
            mark = name(line["body"])
            self.seen.asked[mark] += 1
            kind = self.faults.pick(LOST, "lost", mark, self.seen.asked[mark])
            said: dict[str, Any] = {"id": f"req-{mark}", "custom_id": line["custom_id"], "error": None}
            if kind == "expired":
                status = "expired"
                error = {"code": "batch_expired", "message": "not done in time"}
                bad.append({**said, "response": None, "error": error})
            elif kind == "500":
                bad.append({**said, "response": {"status_code": 500, "body": {"error": {"message": "oops"}}}})
            elif kind is None:
                self.seen.paid[mark] += 1
                reply = {"status_code": 200, "request_id": mark, "body": answer(line["body"], self.faults)}
                good.append({**said, "response": reply})
        job["status"] = status
        for key, found in (("output_file_id", good), ("error_file_id", bad)):
            if found:  # out of order, and the separators of JSON left as they are
                text = "\n".join(json.dumps(x, ensure_ascii=False) for x in reversed(found))
                job[key] = self.add_file(text.encode())


@contextmanager
def serve_batches(plan: Plan | None = None) -> Iterator[tuple[str, Seen]]:
    """Run the server; yields (base URL, what it did)."""
    seen = Seen()
    shop = _Shop(plan or Plan(), seen)
    how = shop.plan

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else every reply waits 40 ms for a delayed acknowledgement

        def log_message(self, *args: object) -> None:
            pass

        def do_POST(self) -> None:
            self._serve(self.rfile.read(int(self.headers["Content-Length"])))

        def do_GET(self) -> None:
            self._serve(b"")

        def _serve(self, raw: bytes) -> None:
            path = urlsplit(self.path).path.removeprefix("/v1")
            event = self._name_event(path)
            with shop.lock:
                seen.events.append(event)
                before = how.status.get(event) or [0]
                after = how.after.get(event) or [0]
                first, second = before.pop(0), after.pop(0)
            try:
                if first or (how.bare and event != "chat"):
                    status = first or 404
                    return self._send(status, {"error": {"message": f"fault {status}"}})
                if event == "create" and how.late:
                    time.sleep(how.late)
                content = self._do(event, path, raw)
                time.sleep(how.hold.get(event, 0.0))
                if second:
                    return self._send(second, {"error": {"message": f"fault {second}"}})
                return self._send(404 if content is None else 200, content if content is not None else {})
            except (BrokenPipeError, ConnectionResetError):
                return None

        def _name_event(self, path: str) -> str:
            if path == "/chat/completions":
                return "chat"
            if self.command == "POST":
                return {"/files": "upload", "/batches": "create"}.get(path, "other")
            return "list" if path == "/batches" else "fetch" if path.startswith("/files") else "look"

        def _do(self, event: str, path: str, raw: bytes) -> dict[str, Any] | bytes | None:
            if event == "chat":
                body = json.loads(raw)
                probe = "Write the word hello" in body["messages"][-1]["content"]
                seen.probes += probe
                seen.live += not probe
                if not probe:
                    seen.prompts += [m["content"] for m in body["messages"]]
                    seen.paid[name(body)] += 1
                return answer(body, shop.faults)
            if event == "upload":
                parts = self._read_parts(raw)
                assert parts["purpose"] == b"batch"
                key = shop.add_file(parts["file"])
                size = len(parts["file"])
                return {
                    "id": key,
                    "object": "file",
                    "bytes": size,
                    "created_at": 0,
                    "filename": "x",
                    "purpose": "batch",
                    "status": "processed",
                }
            if event == "create":
                return shop.show(shop.add_job(json.loads(raw)))
            if event == "list":
                return self._list()
            if event == "fetch":
                return shop.files.get(path.split("/")[2])
            job = next((j for j in seen.jobs if j["id"] == path.rsplit("/", 1)[1]), None)
            return shop.look(job) if job else None

        def _read_parts(self, raw: bytes) -> dict[str, bytes]:
            head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
            parts: dict[str, bytes] = {}
            for part in email.message_from_bytes(head + raw).walk():
                content = part.get_payload(decode=True)
                if isinstance(content, bytes):
                    parts[str(part.get_param("name", header="content-disposition"))] = content
            return parts

        def _list(self) -> dict[str, Any]:
            """The newest first, two a page, so that a reader has to turn pages."""
            after = parse_qs(urlsplit(self.path).query).get("after", [None])[0]
            jobs = [shop.show(j) for j in reversed(seen.jobs)]
            start = next((i + 1 for i, j in enumerate(jobs) if j["id"] == after), 0)
            return {"object": "list", "data": jobs[start : start + 2], "has_more": start + 2 < len(jobs)}

        def _send(self, status: int, content: dict[str, Any] | bytes) -> None:
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            kind = "application/octet-stream" if isinstance(content, bytes) else "application/json"
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    with run_server(Handler) as url:
        yield f"{url}/v1", seen
