"""Batch files as data: questions as lines, answers read from lines, lines cut into files. No I/O.

Every line carries the request's key as its ``custom_id``, so that answers find their questions in any order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nastdata.llm.answer_schemas import Form
from nastdata.llm.base import CallFailure, Request
from nastdata.llm.chat import write_body

MOST_BYTES = 190_000_000
"""Of one file; the API takes 200 MB and leaves open which megabytes it means."""
ENDPOINT = "/v1/chat/completions"
MISSING = CallFailure("no line in the output", retryable=True)


@dataclass(frozen=True)
class Line:
    """What a line of an output or error file says about one question."""

    key: str
    reply: dict[str, Any] | None
    """A chat completion, or None if there is a failure."""
    failure: CallFailure | None = None


def write_line(request: Request, form: Form, limit_name: str = "max_tokens") -> bytes:
    """Return the line of a batch file that asks ``request``; arguments as of ``write_body``."""
    body = write_body(request, form, limit_name)
    line = {"custom_id": request.key, "method": "POST", "url": ENDPOINT, "body": body}
    return json.dumps(line).encode() + b"\n"


def cut_files(sizes: Sequence[int], most_lines: int, most_bytes: int = MOST_BYTES) -> list[range]:
    """Return which lines go into which file, in their order.

    Args:
        sizes: of the lines, in bytes. A line beyond ``most_bytes`` has a file of its own.
        most_lines: highest number of lines in a file.
        most_bytes: highest size of a file.
    """
    files: list[range] = []
    start, size = 0, 0
    for i, n in enumerate(sizes):
        if i > start and (i - start >= most_lines or size + n > most_bytes):
            files.append(range(start, i))
            start, size = i, 0
        size += n
    return [*files, range(start, len(sizes))] if sizes else []


def read_lines(content: bytes) -> Iterator[Line]:
    """Read an output or error file; a line that is no JSON of the known form is passed over.

    Nobody loses by that: a question without a line is asked again.
    """
    # Not splitlines(): a reply may hold other separators, such as U+2028, as they are.
    for raw in content.split(b"\n"):
        try:
            line = json.loads(raw)
        except ValueError:
            continue
        if isinstance(line, dict) and isinstance(key := line.get("custom_id"), str):
            yield _judge(key, line.get("response"), line.get("error"))


def _judge(key: str, response: Any, error: Any) -> Line:
    if isinstance(response, dict):
        status, body = response.get("status_code"), response.get("body")
        if status == 200 and isinstance(body, dict):
            return Line(key, body)
        if isinstance(status, int) and status != 200:
            passing = status >= 500 or status in (408, 409, 429)
            return Line(key, None, CallFailure(f"HTTP {status}", retryable=passing))
    code = error.get("code") if isinstance(error, dict) else None
    return Line(key, None, CallFailure(str(code or "unreadable reply"), retryable=True))
