"""The results page opens offline and shows what happened; the leaderboard never mixes versions."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("openai")

from click.testing import CliRunner, Result
from vision_server import Question, serve_vision

from nastdata.cli.modelling.evaluate import command as evaluate
from nastdata.cli.modelling.leaderboard import command as leaderboard
from nastdata.errors import UserError

NASTY = '<script>alert("B")</script> & <img src=http://192.0.2.1/x onerror=alert(1)>'
Tiny = tuple[Path, Path]


class Links(HTMLParser):
    """Collects what a browser would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: dict[str, int] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self.fetched += [v or "" for k, v in attrs if k in ("src", "href", "onerror", "onload")]


def answer(q: Question) -> str:
    if int(q.mark, 16) % 7 == 0:
        return NASTY
    return "C" if q.image is None else "AB"[len(q.prompt) % 2]


def run(command: Any, *args: str | Path) -> Result:
    return CliRunner().invoke(command, [str(a) for a in args])


@pytest.fixture(scope="module")
def runs(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    work = tmp_path_factory.mktemp("runs")
    common = [tiny[0], "--images", f"tiny={tiny[1]}", "--split", "all", "--bootstrap", "20", "--limit", "24"]
    common += ["--cache", work / "cache"]
    with serve_vision(answer) as (url, _):
        first = run(evaluate, *common, "--out", work / "a", "--model", f"vlm:one@{url}", "--controls")
        both = ["--model", f"vlm:two@{url}", "--model", f"vlm:three@{url}"]
        second = run(evaluate, *common, "--out", work / "b", *both, "--orders", "2")
        other = run(evaluate, *common[:3], "--split", "test", "--bootstrap", "20", "--cache", work / "cache",
                    "--out", work / "c", "--model", f"vlm:one@{url}")  # fmt: skip
    assert (first.exit_code, second.exit_code, other.exit_code) == (0, 0, 0), first.output + other.output
    return {name: work / name for name in "abc"}


def test_the_page_is_whole_and_fetches_nothing(runs: dict[str, Path]) -> None:
    page = (runs["a"] / "evaluation.html").read_text()
    links = Links()
    links.feed(page)
    assert all(f.startswith("data:image/png;base64,") for f in links.fetched), links.fetched[:3]
    assert "script" not in links.tags
    assert NASTY not in page
    assert "&lt;script&gt;" in page
    for title in ("Figures", "Condition and polarity", "Where the gap comes from", "Controls", "Letters"):
        assert f"<h2>{title}</h2>" in page
    assert "MedNega: affirmative and negated" in page
    assert page.count('<div class="wrong">') == 20 == links.tags["img"]
    assert page.count("(true)") == 20
    report = json.loads((runs["a"] / "evaluation.json").read_text())
    value = next(iter(report["results"].values()))["mcq_negated"]
    assert f"{100 * value['mean']:.1f} [{100 * value['low']:.1f}, {100 * value['high']:.1f}]" in page
    assert report["datasets"][0]["hash"][:16] in page
    assert "images of tiny" in page


def test_several_models_stand_side_by_side(runs: dict[str, Path]) -> None:
    page = (runs["b"] / "evaluation.html").read_text()
    assert len(set(re.findall(r"vlm:\w+@", page))) == 2
    assert "Compared with" in page
    assert (runs["b"] / "answers-2.jsonl").is_file()


def test_a_table_of_many_runs(runs: dict[str, Path], tmp_path: Path) -> None:
    done = run(leaderboard, runs["a"], runs["b"], "--csv", tmp_path / "t.csv", "--html", tmp_path / "t.html")
    assert done.exit_code == 0, done.output
    lines = [x for x in done.stdout.splitlines() if x.startswith("| vlm:")]
    assert len(lines) == 3
    hashes = re.findall(r"sha256 ([0-9a-f]{64})", done.stdout)
    assert len(hashes) == 1
    assert "| orders |" in done.stdout  # the runs differ in it, so it is shown
    rows = list(csv.DictReader((tmp_path / "t.csv").read_text().splitlines()))
    assert [r["model"].split("@")[0] for r in rows] == [x.split("@")[0].removeprefix("| ") for x in lines]
    first = [float(r["mcq_negated"]) for r in rows]
    assert first == sorted(first, reverse=True)
    report = json.loads((runs["a"] / "evaluation.json").read_text())
    one = next(r for r in rows if r["model"].startswith("vlm:one"))
    assert float(one["mcq_negated"]) == next(iter(report["results"].values()))["mcq_negated"]["mean"]
    assert 0 < float(one["unusable"]) < 0.4
    links = Links()
    links.feed((tmp_path / "t.html").read_text())
    assert links.fetched == []
    assert links.tags["tr"] == 4


def test_columns_and_order_are_chosen(runs: dict[str, Path]) -> None:
    done = run(leaderboard, runs["a"], runs["b"], "--metric", "claim", "--sort", "mcq_affirmative")
    assert "| model | claim | unusable |" in done.stdout
    wrong = run(leaderboard, runs["a"], "--metric", "clame")
    assert isinstance(wrong.exception, UserError)
    assert "no metric 'clame'" in str(wrong.exception)


def test_versions_are_never_mixed(runs: dict[str, Path], tmp_path: Path) -> None:
    done = run(leaderboard, runs["a"], runs["c"])
    assert isinstance(done.exception, UserError)
    assert "different data" in str(done.exception)
    changed = json.loads((runs["a"] / "evaluation.json").read_text())
    changed["datasets"][0]["hash"] = "0" * 64
    (tmp_path / "evaluation.json").write_text(json.dumps(changed))
    assert "different data" in str(run(leaderboard, runs["a"], tmp_path).exception)
    del changed["datasets"]
    (tmp_path / "evaluation.json").write_text(json.dumps(changed))
    assert "evaluate again" in str(run(leaderboard, tmp_path).exception)


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"results": {}}'])
def test_what_is_no_run_is_told(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "evaluation.json").write_text(text)
    done = run(leaderboard, tmp_path)
    assert isinstance(done.exception, UserError)
    assert "evaluation.json" in str(done.exception)
