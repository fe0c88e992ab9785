"""A damaged cache of answers is named as that, and no answer is used that differs from what was kept."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from nastdata.errors import UserError
from nastdata.llm.base import Answer, Request
from nastdata.llm.cache import AnswerCache

URL = "http://127.0.0.1:1/v1"


def request(i: int) -> Request:
    return Request("openai", "m", None, (("user", f"question {i}"),), {}, (), 0, URL)


def fill(path: Path, n: int) -> dict[str, Answer]:
    cache = AnswerCache(path)
    given = {}
    for i in range(n):
        given[request(i).key] = Answer(f"No pneumothorax is seen in study {i}.", "ok")
        cache.put(request(i), given[request(i).key])
    cache.close()
    return given


def test_what_was_kept_comes_back(tmp_path: Path) -> None:
    given = fill(tmp_path / "a.sqlite", 5)
    cache = AnswerCache(tmp_path / "a.sqlite")
    assert cache.get_many(given, URL) == given
    cache.close()


def test_an_answer_with_another_word_is_not_used(tmp_path: Path) -> None:
    given = fill(tmp_path / "a.sqlite", 3)
    with sqlite3.connect(tmp_path / "a.sqlite") as db:
        db.execute("update answers set answer = replace(answer, 'No pneumothorax', 'A pneumothorax')")
    db.close()
    cache = AnswerCache(tmp_path / "a.sqlite")
    with pytest.raises(UserError, match=r"a\.sqlite: not usable as an answer cache .*check sum"):
        cache.get_many(given, URL)
    cache.close()


@pytest.mark.parametrize("seed", range(40))
def test_bytes_turned_over_anywhere_end_in_words_or_in_the_same_answers(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "a.sqlite"
    given = fill(path, 30)
    rng = random.Random(seed)
    for part in tmp_path.glob("a.sqlite*"):
        content = bytearray(part.read_bytes())
        for _ in range(rng.choice((1, 5, 50)) if content else 0):
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        part.write_bytes(content)
    try:
        cache = AnswerCache(path)
        found = cache.get_many(given, URL)
        cache.list_unusable()
        cache.count()
        cache.put(request(99), Answer("x", "ok"))
        cache.close()
    except UserError as e:
        assert "a.sqlite: not usable as an answer cache" in str(e)
    else:
        assert found.items() <= given.items()


def test_answers_of_earlier_versions_have_no_check_sum(tmp_path: Path) -> None:
    given = fill(tmp_path / "a.sqlite", 1)
    with sqlite3.connect(tmp_path / "a.sqlite") as db:
        db.execute("update answers set answer = json_remove(answer, '$.sum')")
    db.close()
    cache = AnswerCache(tmp_path / "a.sqlite")
    assert cache.get_many(given, URL) == given
    cache.close()
