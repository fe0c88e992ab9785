"""Batch files as data: every question in one file, every readable line read, the rest asked again."""

from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nastdata.llm.answer_schemas import sentences_schema
from nastdata.llm.base import Request
from nastdata.llm.batch.files import cut_files, read_lines, write_line


@given(st.lists(st.integers(1, 300), max_size=60), st.integers(1, 9), st.integers(1, 700))
def test_files_keep_to_both_limits(sizes: list[int], lines: int, most: int) -> None:
    files = cut_files(sizes, lines, most)
    assert [i for f in files for i in f] == list(range(len(sizes)))
    for f in files:
        assert 1 <= len(f) <= lines
        assert len(f) == 1 or sum(sizes[i] for i in f) <= most
    for f, g in pairwise(files):  # none ends before it has to
        assert len(f) == lines or sum(sizes[i] for i in f) + sizes[g.start] > most


@given(st.text(min_size=1), st.text())
def test_a_line_is_one_line_that_names_its_question(prompt: str, model: str) -> None:
    request = Request("openai", model, None, (("user", prompt),), sentences_schema(1), (("max_tokens", 5),))
    raw = write_line(request, "json_schema", "max_completion_tokens")
    assert raw.endswith(b"\n") and raw.count(b"\n") == 1
    line = json.loads(raw)
    assert line["custom_id"] == request.key and len(line["custom_id"]) <= 64
    assert line["url"] == "/v1/chat/completions" and line["method"] == "POST"
    assert line["body"]["messages"] == [{"role": "user", "content": prompt}]
    assert line["body"]["max_completion_tokens"] == 5 and "max_tokens" not in line["body"]


replies = st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3)
junk = st.one_of(st.binary(max_size=20), st.just(b"[1]"), st.just(b"{}"), st.just(b'{"custom_id": 5}'))


@given(st.lists(st.one_of(replies, junk), max_size=12))
def test_lines_are_read_whatever_stands_between_them(parts: list[dict[str, str] | bytes]) -> None:
    raw, wanted = [], []
    for i, part in enumerate(parts):
        if isinstance(part, bytes):
            raw.append(part.replace(b"\n", b""))
            continue
        response = {"status_code": 200, "body": part}
        # Not escaped: separators such as U+2028 and U+0085 stand as they are.
        raw.append(json.dumps({"custom_id": f"k{i}", "response": response}, ensure_ascii=False).encode())
        wanted.append((f"k{i}", part))
    assert [(x.key, x.reply) for x in read_lines(b"\n".join(raw)) if x.reply is not None] == wanted


def test_failures_say_whether_asking_again_helps() -> None:
    def judge(**line: object) -> tuple[str, bool]:
        (read,) = read_lines(json.dumps({"custom_id": "k", **line}).encode())
        assert read.reply is None and read.failure is not None
        return read.failure.reason, read.failure.retryable

    assert judge(response={"status_code": 400, "body": {}}) == ("HTTP 400", False)
    assert judge(response={"status_code": 500, "body": {}}) == ("HTTP 500", True)
    assert judge(response={"status_code": 429}) == ("HTTP 429", True)
    assert judge(response=None, error={"code": "batch_expired"}) == ("batch_expired", True)
    assert judge(response={"status_code": 200, "body": "cut"}) == ("unreadable reply", True)
    assert judge() == ("unreadable reply", True)
