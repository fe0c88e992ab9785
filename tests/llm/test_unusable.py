"""A model server whose answers are of no use: nothing is hidden, nothing is kept as an answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from servers import serve

from nastdata.llm.answer_schemas import find_json, sentences_schema

TWO = sentences_schema(2)
GOOD = '{"sentences": ["No edema.", "Edema is absent."]}'
OTHER = '{"sentences": ["Edema.", "Edema is present."]}'


@pytest.mark.parametrize(
    "said",
    [
        GOOD,
        f"<think>Two sentences, so ...</think>\n{GOOD}",
        f"<thinking>{OTHER} is wrong</thinking>{GOOD}",
        f"so the answer must deny</think>{GOOD}",
        f"```json\n{GOOD}\n```",
        f"```\n{GOOD}```",
        f"Here you are:\n\n```json\n{GOOD}\n```\nAnything else?",
        f"Sure! {GOOD} I hope that helps {{really}}.",
        f"{GOOD}\n{GOOD}",
    ],
)
def test_json_is_found_inside_what_models_put_around_it(said: str) -> None:
    assert json.loads(find_json(said, TWO)) == json.loads(GOOD)


@pytest.mark.parametrize(
    "said",
    [
        "",
        GOOD[:-5],
        f"<think>{GOOD}</think>",
        f"<think>{GOOD}",
        f"{GOOD} or rather {OTHER}",
        f"```json\n{GOOD}\n```\n```json\n{OTHER}\n```",
        '{"sentences": ["only one"]}',
        '{"answer": ' + GOOD + "}",
        "[" + GOOD + ", 1]",
    ],
)
def test_nothing_is_made_up_where_no_one_answer_is(said: str) -> None:
    assert find_json(said, TWO) == said


def call(url: str, cache: Path, out: Path, *settings: str) -> subprocess.CompletedProcess[str]:
    given = ["phantom_patients=200", "writer.wordings=1", "writer.model=m", "audit.enabled=false"]
    given += [f"writer.base_url={url}", f"writer.cache={cache}", *settings]
    command = [sys.executable, "-m", "nastdata", "build", "mednega", "--realizer", "openai", "--limit", "16"]
    command += ["--out", str(out), *(a for s in given for a in ("--set", s))]
    environment = {**os.environ, "OPENAI_API_KEY": "sk-x"}
    return subprocess.run(command, capture_output=True, text=True, timeout=200, env=environment, check=False)


def read_rows(out: Path) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(f) for f in sorted((out / "data" / "mednega").glob("*.parquet"))])


DRESSES: dict[str, Any] = {
    "blank": lambda text: "  ",
    "null": lambda text: None,
    "cut": lambda text: text[: len(text) // 2],
    "thinking only": lambda text: f"<think>{text}</think>",
    "prose": lambda text: "I am happy to help with radiology reports.",
}


@pytest.mark.parametrize("kind", DRESSES)
def test_useless_answers_stop_a_run_in_words(kind: str, tmp_path: Path) -> None:
    with serve(dress=DRESSES[kind]) as (url, served):
        done = call(url, tmp_path / "a.sqlite", tmp_path / "out", "writer.stop_after=5")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "5 answers in a row are unusable" in done.stderr and "asked was" in done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "out").exists()
    assert len(served.delivered) <= 5 + 32  # what was under way


def test_a_run_too_short_to_be_stopped_fails_aloud_and_is_asked_again_when_mended(tmp_path: Path) -> None:
    cache, out = tmp_path / "a.sqlite", tmp_path / "out"
    with serve(dress=DRESSES["prose"]) as (url, _):
        done = call(url, cache, out, "writer.stop_after=10000")
        assert done.returncode == 1
        first = done.stderr.index("the model did not word 100.0% of the statements")
        assert "happy to help" in done.stderr[first:]
        assert "template 100.0%" in done.stdout
        assert set(read_rows(out)["realizer"]) == {"template"}
        card = (out / "README.md").read_text()
        assert "`template` 100.0%" in card and "openai" not in card.split("Texts were written by")[1][:60]
        shown = subprocess.run(
            [sys.executable, "-m", "nastdata", "cache", "show", "--cache", str(cache)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert "will be asked again" in shown.stdout and "happy to help" in shown.stdout
        port = url
    with serve() as (url, served):
        done = call(url, cache, out)
        assert url != port and done.returncode == 0, done.stderr
        assert served.delivered
        assert "openai:m 100.0%" in done.stdout
    rows = read_rows(out)
    assert all(r.startswith("openai:m#") for r in rows["realizer"])
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["counts"]["written_by"] == {"mednega": {"openai:m": len(rows)}}


def test_answers_are_used_again_at_their_own_address_only(tmp_path: Path) -> None:
    cache = tmp_path / "a.sqlite"
    with serve() as (url, first):
        assert call(url, cache, tmp_path / "one").returncode == 0
        n = len(first.delivered)
        assert call(url, cache, tmp_path / "two").returncode == 0
        assert len(first.delivered) == n
        assert call(url, cache, tmp_path / "three", "writer.revision=tuned").returncode == 0
        assert len(first.delivered) == 2 * n
    with serve() as (url, second):
        assert call(url, cache, tmp_path / "four").returncode == 0
        assert len(second.delivered) == n


def test_fenced_and_thinking_answers_are_taken(tmp_path: Path) -> None:
    with serve(dress=lambda t: f"<think>hm</think>\n```json\n{t}\n```") as (url, _):
        done = call(url, tmp_path / "a.sqlite", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "openai:m 100.0%" in done.stdout


def ask_doctor(url: str, *more: str) -> subprocess.CompletedProcess[str]:
    settings = ["--set", f"writer.base_url={url}", "--set", "writer.model=m"]
    command = [sys.executable, "-m", "nastdata", "doctor", "--writer", *settings, *more]
    environment = {**os.environ, "OPENAI_API_KEY": "sk-x"}
    return subprocess.run(command, capture_output=True, text=True, timeout=100, env=environment, check=False)


def test_doctor_shows_three_raw_answers() -> None:
    with serve(dress=lambda t: f"<think>hm</think>{t}") as (url, served):
        good = ask_doctor(url)
        assert len(served.delivered) == 3
    assert good.returncode == 0, good.stdout + good.stderr
    assert good.stdout.count("<think>hm</think>") == 3 and good.stdout.count("verdict: accepted") == 3
    with serve(dress=DRESSES["prose"]) as (url, _):
        bad = ask_doctor(url)
    assert bad.returncode == 1 and "0 of 3 answers could be used" in bad.stderr
    assert bad.stdout.count("happy to help") == 3
