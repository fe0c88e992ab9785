"""Generative models behind a real server: asked once, read rightly, counted whole."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

pytest.importorskip("torch")
pytest.importorskip("openai")

from click.testing import CliRunner, Result
from tiny import STUDIES, base, fact, labels_of
from vision_server import Question, Reply, serve_vision

from nastdata.cli.modelling.evaluate import command
from nastdata.errors import CheckFailedError, UserError
from nastdata.evaluation.generative import Permission, VisionSettings, check_images_may_go, judge_vlm
from nastdata.evaluation.generative.endpoint import split_spec
from nastdata.evaluation.generative.images import Encoder
from nastdata.evaluation.generative.questions import draw_orders, read_questions
from nastdata.evaluation.outcomes import Outcome
from nastdata.evaluation.run import EvaluateSettings
from nastdata.frames import config_schema
from nastdata.models.dataset_rows import Data, open_data

SETTINGS = EvaluateSettings(split=None, bootstrap=20)
QUICK = VisionSettings(retries=2)
Tiny = tuple[Path, Path]


@pytest.fixture
def data(tiny: Tiny) -> Data:
    return open_data(tiny[0], {"tiny": tiny[1]})


def only(data: Data, *configs: str) -> Data:
    return replace(data, frames={c: data.frames[c] for c in configs})


def make_oracle(data: Data) -> Callable[[Question], str]:
    """Return the true option's letter for an image, whatever the order; without the image, A."""
    images = Encoder(data.store)
    truths: dict[tuple[bytes, frozenset[str]], str] = {}
    for q in read_questions(data, None, None)[0]:
        truths[images.encode(q.image)[0], frozenset(q.options)] = q.options[q.answer]

    def answer(q: Question) -> str:
        true = truths.get((q.image or b"", frozenset(q.options.values())))
        return next((x for x, text in q.options.items() if text == true), "A")

    return answer


def by_name(found: Any) -> dict[str, Outcome]:
    return {o.name: o for o in found.outcomes}


def run(*args: str) -> Result:
    return CliRunner().invoke(command, args)


def test_a_model_that_sees_gets_all_right_and_only_with_the_image(data: Data, tmp_path: Path) -> None:
    some = only(data, "mednega", "contextual_claims")
    vision = VisionSettings(controls=True)
    with serve_vision(make_oracle(some)) as (url, seen):
        judged = judge_vlm(f"vlm:m@{url}", some, SETTINGS, tmp_path, vision)
    found = by_name(judged)
    for name in ("mcq_negated", "mcq_affirmative", "claim", "condition_negated", "whole_group_negated"):
        assert found[name].values.min() == 1, name
        assert len(found[name].values)
    assert found["mcq_negated@text_only"].values.mean() < 0.5
    assert found["mcq_negated@swapped"].values.mean() < 0.6
    shown = Counter(q.image is not None for q in seen.questions)
    assert shown[False] == len({a.asked.prompt for a in judged.answers if a.asked.control == "text_only"})
    swapped = [a for a in judged.answers if a.asked.control == "swapped"]
    assert swapped
    assert all(a.asked.image != a.asked.question.image for a in swapped)
    assert set(found["claim"].strata) >= {"truth", "altered", "condition"}
    assert set(found["condition_negated"].strata["condition_polarity"]) >= {"Edema, present", "Edema, absent"}


def test_a_model_that_always_says_a(data: Data, tmp_path: Path) -> None:
    """Letters show it, and orders of options take its luck away."""
    some = only(data, "mednega")
    with serve_vision(lambda _: "A") as (url, _):
        judged = judge_vlm(f"vlm:m@{url}", some, SETTINGS, tmp_path, VisionSettings(orders=4))
    found = by_name(judged)
    assert np.all(found["mcq_negated"].values == 0.25)
    assert judged.report["letters"]["mcq_negated"] == {"A": 1, "B": 0, "C": 0, "D": 0, "unusable": 0}
    assert found["same_choice_mcq_negated"].values.max() == 0


def test_orders_show_each_option_at_each_letter(data: Data) -> None:
    questions, _ = read_questions(only(data, "mednega"), None, 3)
    for q in questions:
        orders = draw_orders(q, 4, 0)
        assert orders[0] == (0, 1, 2, 3)
        assert sorted(o.index(q.answer) for o in orders) == [0, 1, 2, 3]
        assert orders == draw_orders(q, 4, 0)
        many = draw_orders(q, 11, 5)
        assert len(many) == 11
        assert all(sorted(o) == [0, 1, 2, 3] for o in many)


FORMS: list[tuple[str, bool]] = [
    *(
        (x, True)
        for x in ("{x}", "({x})", "{x}.", "**{x}**", "`{x}`", "[{x}]", "{l}", "{l}.", "Option {x}", "{x})")
    ),
    *(
        (x, True)
        for x in ("ANSWER: {x}", "Answer: {l}", "**Answer:** {x}", "The answer is {x}.", "\\boxed{{{x}}}")
    ),
    *((x, True) for x in ("The correct answer is ({x}).", "Option {x} is correct.", "I would choose {x}.")),
    *(
        (x, True)
        for x in ("<think>A or B? C.</think>{x}", "A? B?</think>\n{x}", "<unused94>thought B<unused95>{x}")
    ),
    *(
        (x, True)
        for x in ("{t}", "{x}. {t}", "{x}: {t}", "The image shows {t}", "The correct answer is: {t}")
    ),
    *(
        (x, True)
        for x in ("{x}\n\nThe angle is blunt.", "The lungs are clear.\n\n{x}", "{x}, as the angle is blunt.")
    ),
    *(
        (x, True)
        for x in (
            '{{"answer": "{x}"}}',
            "<answer>{x}</answer>",
            "```\n{x}\n```",
            "正确答案是{x}。",
            "It is {x}.",
        )
    ),
    *(
        (x, False)
        for x in ("", " ", "A chest radiograph shows no finding that decides it.", "A pleural effusion.")
    ),
    *(
        (x, False)
        for x in ("A or B", "A/B", "Both A and C.", "A\nB", "The answer is A or B.", "It could be {x}.")
    ),
    *(
        (x, False)
        for x in ("Maybe {x}", "{x}?", "{x}, but I'm not sure.", "If I had to guess, {x}.", "Probably {x}.")
    ),
    *(
        (x, False)
        for x in ("I cannot determine. A radiologist should look.", "I'm sorry, I can't help with that.")
    ),
    *(
        (x, False)
        for x in ("None of the above.", "The answer is not {x}.", "I don't think the answer is {x}.")
    ),
    *(
        (x, False)
        for x in ("<think>Option A says", "<think>The answer is {x}", "Hepatitis B cannot be judged", "Z")
    ),
    *(
        (x, False)
        for x in ("{x}. Something. No, wait. The answer is Z.", "Let me consider option {x} first.", "7")
    ),
    *(
        (x, False)
        for x in ("B-lines are seen.", "[LMMS_EVAL_REQUEST_FAILED] Connection error", "I don't see an image.")
    ),
]


def test_sixty_manners_of_answering(data: Data, tmp_path: Path) -> None:
    """Each is read rightly or counted as unusable, with its text kept for the reader of the report."""
    assert len(FORMS) >= 60
    some = only(data, "mednega")
    oracle = make_oracle(some)
    expected: dict[str, bool] = {}

    def script(q: Question) -> str:
        form, usable = FORMS[int(q.mark, 16) % len(FORMS)]
        x = oracle(q)
        expected[q.mark] = usable
        return form.format(x=x, l=x.lower(), t=q.options[x])

    with serve_vision(script) as (url, seen):
        judged = judge_vlm(f"vlm:m@{url}", some, SETTINGS, tmp_path, VisionSettings(orders=4))
        again = len(seen.questions)
    assert len(judged.answers) == 48 * 2 * 4 == again
    usable = sum(expected.values())
    assert sum(a.right for a in judged.answers) == usable
    assert sum(a.chosen is None for a in judged.answers) == len(expected) - usable
    told = judged.report["unusable"]["mcq_negated"]
    assert told["unusable"] == sum(told["reasons"].values()) > 0
    assert told["all_wrong"]["mean"] == pytest.approx(1 - told["unusable"] / told["answers"])
    assert told["all_right"]["mean"] == 1
    assert told["usable_only"]["mean"] == 1
    assert {e["reason"] for e in told["examples"]} == set(told["reasons"])


def test_nothing_is_asked_twice_but_what_was_no_answer(data: Data, tmp_path: Path) -> None:
    some = only(data, "mednega")
    broken: dict[str, Any] = {"on": True}

    def script(q: Question) -> Any:
        if broken["on"] and int(q.mark, 16) % 8 == 0:
            return ("", Reply("<think>Let me", finish="length"), Reply("", finish="content_filter"))[
                int(q.mark, 16) // 8 % 3
            ]
        return "B"

    with serve_vision(script) as (url, seen):
        first = judge_vlm(f"vlm:m@{url}", some, SETTINGS, tmp_path, QUICK)
        asked, broken["on"] = len(seen.questions), False
        missing = sum(a.chosen is None for a in first.answers)
        assert missing > 3
        assert {a.reading.reason for a in first.answers if a.chosen is None} >= {
            "empty",
            "cut while thinking",
        }
        second = judge_vlm(f"vlm:m@{url}", some, SETTINGS, tmp_path, QUICK)
        assert len(seen.questions) == asked + missing + QUICK.check_kept
        assert all(a.chosen is not None for a in second.answers)
        judge_vlm(f"vlm:m@{url}", some, SETTINGS, tmp_path, replace(QUICK, fresh=True))
        assert len(seen.questions) == 2 * asked + missing + QUICK.check_kept
        ledger = second.report["ledger"]
    assert ledger["calls"] == missing + QUICK.check_kept
    assert ledger["from_cache"] == 96 - missing
    assert ledger["prompt_tokens"] == 300 * 96


def test_the_same_name_elsewhere_is_another_model(data: Data, tmp_path: Path) -> None:
    some = only(data, "mednega")
    with serve_vision(lambda _: "A") as (url, _), serve_vision(lambda _: "B") as (other, seen):
        first = judge_vlm(f"vlm:m@{url}", some, SETTINGS, tmp_path, QUICK)
        second = judge_vlm(f"vlm:m@{other}", some, SETTINGS, tmp_path, QUICK)
        assert len(seen.questions) == 96
    assert first.report["letters"]["mcq_negated"]["A"] == second.report["letters"]["mcq_negated"]["B"] == 1


@pytest.mark.parametrize("says", ["a name", "an answer"])
def test_another_model_behind_the_same_address_is_noticed(data: Data, tmp_path: Path, says: str) -> None:
    some = only(data, "mednega")
    now: dict[str, Any] = {"text": "A", "model": None}
    with serve_vision(lambda _: Reply(now["text"], model=now["model"])) as (url, seen):
        judge_vlm(f"vlm:m@{url}", some, SETTINGS, tmp_path, QUICK)
        now |= {"model": "tuned"} if says == "a name" else {"text": "B"}
        with pytest.raises(UserError, match="another model seems to answer") as told:
            judge_vlm(f"vlm:m@{url}", some, SETTINGS, tmp_path, QUICK)
        assert "--revision" in str(told.value)
        asked = len(seen.questions)
        tuned = judge_vlm(f"vlm:m@{url}", some, SETTINGS, tmp_path, replace(QUICK, revision="tuned"))
        assert len(seen.questions) == asked + 96
        assert tuned.report["letters"]["mcq_negated"][now["text"]] == 1
        old = judge_vlm(f"vlm:m@{url}", some, SETTINGS, tmp_path, replace(QUICK, check_kept=0))
        assert old.report["letters"]["mcq_negated"]["A"] == 1
        assert len(seen.questions) == asked + 96


def test_kept_answers_do_without_their_server(data: Data, tmp_path: Path) -> None:
    some = only(data, "mednega")
    with serve_vision(lambda _: "A") as (url, _):
        first = judge_vlm(f"vlm:m@{url}", some, SETTINGS, tmp_path, QUICK)
    said: list[str] = []
    vision = replace(QUICK, retries=0)
    again = judge_vlm(f"vlm:m@{url}", some, SETTINGS, tmp_path, vision, say=said.append)
    assert [a.text for a in again.answers] == [a.text for a in first.answers]
    assert any("all answers are kept ones" in s for s in said)


def test_busy_and_broken_servers_are_asked_again(data: Data, tmp_path: Path) -> None:
    def script(q: Question) -> Any:
        kind = int(q.mark, 16) % 5
        if q.nth == 1 and kind == 0:
            return Reply(status=429, headers={"Retry-After": "0.05"})
        if q.nth <= 2 and kind == 1:
            return Reply(status=500)
        return "A"

    some = only(data, "mednega")
    with serve_vision(script) as (url, seen):
        settings = replace(SETTINGS, limit=20)
        judged = judge_vlm(f"vlm:m@{url}", some, settings, tmp_path, VisionSettings(retries=3, concurrency=4))
    assert all(a.text == "A" for a in judged.answers)
    ledger = judged.report["ledger"]
    assert ledger["retries"] == len(seen.questions) - 40 > 10
    assert seen.most_under_way <= 4


def test_a_question_that_always_fails_is_counted_and_told(tiny: Tiny, tmp_path: Path) -> None:
    def script(q: Question) -> Any:
        return Reply(status=500) if int(q.mark, 16) % 16 == 0 else "A"

    args = [
        str(tiny[0]),
        "--images",
        f"tiny={tiny[1]}",
        "--split",
        "all",
        "--bootstrap",
        "20",
        "--retries",
        "0",
    ]
    args += ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache"), "--limit", "30"]
    with serve_vision(script) as (url, seen):
        done = run(*args, "--model", f"vlm:m@{url}")
        failed = sum(int(q.mark, 16) % 16 == 0 for q in seen.questions)
    assert failed > 1
    assert isinstance(done.exception, CheckFailedError)
    assert f"{failed} questions got no answer" in str(done.exception)
    report = json.loads((tmp_path / "out/evaluation.json").read_text())
    found = report["models"][f"vlm:m@{url}"]["generative"][tiny[0].name]
    assert sum(found["ledger"]["failed"].values()) == failed
    assert sum(v["unusable"] for v in found["unusable"].values()) == failed
    lines = [json.loads(x) for x in (tmp_path / "out/answers-1.jsonl").read_text().splitlines()]
    assert len(lines) == 90
    assert {"key", "metric", "answer", "read", "how", "right", "group", "patient"} <= set(lines[0])
    assert sum("no answer from the server: HTTP 500" in x["how"] for x in lines) == failed
    assert any("contextual_captions: not put to a generative model" in n for n in report["notes"])


def test_a_server_that_dies_ends_the_run_and_keeps_the_answers(data: Data, tmp_path: Path) -> None:
    some = only(data, "mednega")
    with serve_vision(lambda q: Reply(status=503) if int(q.mark, 16) % 2 else "A") as (url, _):
        pass
    with pytest.raises(UserError, match="does not answer") as told:
        judge_vlm(f"vlm:m@{url}", some, SETTINGS, tmp_path, replace(QUICK, retries=0))
    assert "0 of 96" in str(told.value)
    alive = {"left": 30}

    def script(_: Question) -> Any:
        alive["left"] -= 1
        return "A" if alive["left"] >= 0 else Reply(status=500)

    with serve_vision(script) as (url, seen):
        with pytest.raises(UserError, match="does not answer") as told:
            judge_vlm(f"vlm:m@{url}", some, SETTINGS, tmp_path, VisionSettings(retries=0, concurrency=1))
        assert "30 of 96" in str(told.value)
        alive["left"] = 1000
        asked = len(seen.questions)
        judge_vlm(f"vlm:m@{url}", some, SETTINGS, tmp_path, VisionSettings(retries=0, check_kept=0))
        assert len(seen.questions) - asked == 66


def test_killed_midway_it_goes_on(tiny: Tiny, tmp_path: Path) -> None:
    """kill -9 while answers are under way: only those under way are asked again."""

    def script(_: Question) -> str:
        time.sleep(0.02)
        return "A"

    with serve_vision(script) as (url, seen):
        args = [sys.executable, "-m", "nastdata", "evaluate", str(tiny[0]), "--images", f"tiny={tiny[1]}"]
        args += [
            "--split",
            "all",
            "--bootstrap",
            "10",
            "--cache",
            str(tmp_path / "cache"),
            "--check-kept",
            "0",
        ]
        args += [
            "--out",
            str(tmp_path / "out"),
            "--model",
            f"vlm:m@{url}",
            "--concurrency",
            "4",
            "--limit",
            "40",
        ]
        process = subprocess.Popen(args, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        while len(seen.questions) < 40:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (tmp_path / "out").exists()
        time.sleep(0.1)
        before = len(seen.questions)
        assert before < 120
        done = run(*args[4:])
        assert done.exit_code == 0, done.output
        distinct = {q.mark for q in seen.questions}
        assert len(distinct) == 120
        assert len(seen.questions) <= 120 + 4


def test_servers_with_parameters_of_their_own(data: Data, tmp_path: Path) -> None:
    def script(q: Question) -> Any:
        if "max_tokens" in q.body:
            said = "Unsupported parameter: 'max_tokens' is not supported with this model. "
            return Reply(status=400, error=said + "Use 'max_completion_tokens' instead.")
        if "temperature" in q.body:
            return Reply(
                status=400, error="Unsupported value: 'temperature' does not support 0 with this model."
            )
        assert q.body["max_completion_tokens"] == 5000
        return "A"

    with serve_vision(script) as (url, seen):
        judged = judge_vlm(
            f"vlm:m@{url}", only(data, "mednega"), SETTINGS, tmp_path, replace(QUICK, max_tokens=5000)
        )
    assert len(seen.questions) == 98
    assert all(a.text == "A" for a in judged.answers)
    assert any("max_completion_tokens" in n for n in judged.report["notes"])
    assert any("temperature" in n for n in judged.report["notes"])


def test_constrained_choice_by_log_probabilities(data: Data, tmp_path: Path) -> None:
    some = only(data, "mednega")
    oracle = make_oracle(some)

    def script(q: Question) -> Any:
        assert q.body["logprobs"] and q.body["max_tokens"] == 1
        x = oracle(q)
        other = "B" if x == "A" else "A"
        # the letter's mass is spread over two tokens, and a longer token leads
        return Reply(
            "The", finish="length", logprobs=[("The", -0.5), (other, -1.5), (x, -1.7), (f" {x}", -1.9)]
        )

    with serve_vision(script) as (url, _):
        judged = judge_vlm(f"vlm:m@{url}", some, SETTINGS, tmp_path, replace(QUICK, choice="logprobs"))
    assert all(a.right for a in judged.answers)
    with (
        serve_vision(lambda _: "A") as (url, _),
        pytest.raises(UserError, match="no log-probabilities") as told,
    ):
        judge_vlm(f"vlm:m@{url}", some, SETTINGS, tmp_path, replace(QUICK, choice="logprobs"))
    assert "--choice text" in str(told.value)
    with serve_vision(lambda _: Reply("<think>", logprobs=[("<think>", -0.1)])) as (url, _):
        judged = judge_vlm(f"vlm:m@{url}", some, SETTINGS, tmp_path, replace(QUICK, choice="logprobs"))
    assert {a.reading.reason for a in judged.answers} == {"no letter among the log-probabilities"}


def test_a_damaged_cache_is_told(data: Data, tmp_path: Path) -> None:
    (tmp_path / "vision-answers.sqlite").write_bytes(b"no database at all, but long enough to be one" * 20)
    with (
        serve_vision(lambda _: "A") as (url, seen),
        pytest.raises(UserError, match="not usable as an answer cache") as told,
    ):
        judge_vlm(f"vlm:m@{url}", only(data, "mednega"), SETTINGS, tmp_path, QUICK)
    assert "--cache" in str(told.value)
    assert not seen.questions


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (Reply(status=401, error="bad key"), "refuses the key"),
        (Reply(status=404, error="model not found"), "no model 'm' there"),
        (Reply(status=307, headers={"Location": "http://192.0.2.1/"}), "redirects elsewhere"),
    ],
)
def test_what_can_not_be_mended_ends_at_once(data: Data, reply: Reply, says: str) -> None:
    with serve_vision(lambda _: reply) as (url, seen):
        with pytest.raises(UserError, match=says):
            judge_vlm(f"vlm:m@{url}", only(data, "mednega"), SETTINGS, None, QUICK)
        assert len(seen.questions) == 1


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"<html>", b'{"choices": []}', b'{"choices": [{"message": null}]}']
)
def test_replies_that_are_none(data: Data, raw: bytes) -> None:
    with serve_vision(lambda _: Reply(raw=raw)) as (url, _):
        judged = judge_vlm(f"vlm:m@{url}", only(data, "mednega"), replace(SETTINGS, limit=3), None, QUICK)
    assert all(a.chosen is None for a in judged.answers)
    assert judged.report["unusable"]["mcq_negated"]["unusable"] == 3


def test_restricted_images_meet_no_proxy(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_vision(lambda _: "B") as (proxy, caught), serve_vision(lambda _: "A") as (url, seen):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.removesuffix("/v1"))
        judge_vlm(f"vlm:m@{url}", only(data, "mednega"), replace(SETTINGS, limit=2), None, QUICK)
        assert len(seen.questions) == 4
        assert not caught.questions


def test_restricted_images_need_a_statement() -> None:
    with pytest.raises(UserError, match="mimic-cxr may not leave") as told:
        check_images_may_go(["mimic-cxr", "phantom"], "https://10.1.2.3/v1")
    assert "--own-server 10.1.2.3" in str(told.value)
    who = Permission("10.1.2.3", "A. Name, data protection officer")
    gate = check_images_may_go(["mimic-cxr"], "https://10.1.2.3:8000/v1", who).to_json()
    assert gate["endpoint"] == "own network"
    assert gate["permission"] == {"host": who.host, "stated_by": who.stated_by}
    with pytest.raises(UserError, match="the model is at 192"):
        check_images_may_go(["mimic-cxr"], "https://192.0.2.7/v1", who)
    with pytest.raises(UserError, match="name who states"):
        check_images_may_go(["mimic-cxr"], "https://10.1.2.3/v1", Permission("10.1.2.3", "yes"))
    with pytest.raises(UserError, match="not at a private address"):
        check_images_may_go(["mimic-cxr"], "https://8.8.8.8/v1", Permission("8.8.8.8", "A. Name, officer"))
    assert check_images_may_go(["mimic-cxr"], "http://127.0.0.1:8000/v1").endpoint == "loopback"
    assert check_images_may_go(["phantom"], "https://api.openai.com/v1").restricted == ()


def test_the_other_end_is_looked_at_first(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that was loopback when it was checked, and leads elsewhere when the connection is opened."""
    from nastdata.evaluation.generative import endpoint

    monkeypatch.setattr(endpoint, "read_address", lambda _text: endpoint_address("192.0.2.9"))
    with serve_vision(lambda _: "A") as (url, seen):
        with pytest.raises(UserError, match=r"leads to 192\.0\.2\.9") as told:
            judge_vlm(f"vlm:m@{url}", only(data, "mednega"), SETTINGS, None, replace(QUICK, retries=0))
        assert "nothing was sent" in str(told.value)
        assert not seen.questions


def endpoint_address(text: str) -> Any:
    import ipaddress

    return ipaddress.ip_address(text)


def test_a_statement_without_a_server_is_refused(tiny: Tiny) -> None:
    done = run(str(tiny[0]), "--model", "vlm:m@http://h.example/v1", "--stated-by", "me myself")
    assert isinstance(done.exception, UserError)
    assert "go together" in str(done.exception)


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("vlm:m@http://h:1/v1/", ("m", "http://h:1/v1")),
        ("vlm:org/m@2024@https://h/v1", ("org/m@2024", "https://h/v1")),
        ("vlm:gpt-x", ("gpt-x", "https://api.openai.com/v1")),
        ("vlm:m@2", ("m@2", "https://api.openai.com/v1")),
    ],
)
def test_names_of_servers(spec: str, found: tuple[str, str]) -> None:
    assert split_spec(spec) == found


@pytest.mark.parametrize(
    "spec", ["vlm:", "vlm:@http://h/v1", "vlm:m@ftp://h/v1", "vlm:m@http://u:p@h/v1", "vlm:m@http:///"]
)
def test_names_of_no_server(spec: str) -> None:
    with pytest.raises(UserError):
        split_spec(spec)


def test_the_empty_split_says_where_rows_are(tiny: Tiny) -> None:
    data = open_data(tiny[0], {"tiny": tiny[1]})
    with pytest.raises(UserError, match="train has 72"):
        judge_vlm("vlm:m@http://127.0.0.1:9/v1", data, replace(SETTINGS, split="tset"), None, QUICK)


def test_two_models_are_compared_on_the_same_rows(tiny: Tiny, data: Data, tmp_path: Path) -> None:
    oracle = make_oracle(only(data, "mednega", "contextual_claims"))

    def script(q: Question) -> str:
        return oracle(q) if q.body["model"] == "sees" else "A"

    args = [str(tiny[0]), "--images", f"tiny={tiny[1]}", "--split", "all", "--bootstrap", "20", "--json"]
    args += [
        "--out",
        str(tmp_path / "out"),
        "--cache",
        str(tmp_path / "c"),
        "--price-input",
        "2",
        "--price-output",
        "4",
    ]
    with serve_vision(script) as (url, _):
        done = run(*args, "--model", f"vlm:blind@{url}", "--model", f"vlm:sees@{url}")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    found = report["compared_with_first"][f"vlm:sees@{url}"]["mcq_negated"]
    assert found["mean"] > 0.5
    assert found["p_clustered"] < 0.001
    assert found["mcnemar"]["p"] < 0.001
    ledger = report["models"][f"vlm:sees@{url}"]["generative"][tiny[0].name]["ledger"]
    assert ledger["cost"] == pytest.approx(
        (ledger["prompt_tokens"] * 2 + ledger["completion_tokens"] * 4) / 1e6
    )
    assert len(report["datasets"][0]["hash"]) == 64
    assert (tmp_path / "out" / "evaluation.html").is_file()


def make_two_way(data: Data) -> Data:
    """Pairs of images of which one has an effusion, with the same two statements in one order."""
    states = {i: labels_of(i)[2] for i in range(STUDIES)}
    having, lacking = ([i for i, s in states.items() if s == wanted][:6] for wanted in (1, 0))
    choices = ["There is a pleural effusion.", "There is no pleural effusion."]
    rows = [
        {
            **base(i),
            **{"item_id": f"{n}-{i}", "protocol": "two_way", "design": "paired", "group_id": f"g{n}"},
            **{"condition": "Pleural Effusion", "other_condition": None, "polarity": "mixed"},
            **{"question": "Which statement is true of this image?", "choices": choices},
            "choice_facts": [fact("Pleural Effusion", present) for present in (True, False)],
            "answer": 1 - states[i],
        }
        for n, pair in enumerate(zip(having, lacking, strict=True))
        for i in pair
    ]
    schema = {**config_schema("protocols"), "split": pl.String()}
    return replace(data, frames={"protocols": pl.DataFrame(rows, schema=schema)})


def test_two_images_are_compared_in_one_question(data: Data, tmp_path: Path) -> None:
    some = make_two_way(data)
    images = Encoder(data.store)
    effusion = {images.encode(("tiny", base(i)["image"]))[0]: labels_of(i)[2] for i in range(STUDIES)}

    def see(q: Question) -> str:
        """Answer from the pictures alone."""
        if not q.images:
            return "A"
        if len(q.images) == 1:
            return next(x for x, t in q.options.items() if ("no" in t.split()) != bool(effusion[q.images[0]]))
        wanted = 0 if " no " in q.prompt else 1
        return "AB"[[effusion[i] for i in q.images].index(wanted)]

    vision = VisionSettings(controls=True)
    with serve_vision(see) as (url, seen):
        found = by_name(judge_vlm(f"vlm:m@{url}", some, SETTINGS, tmp_path, vision))
    assert found["two_way"].values.mean() == 1
    assert (
        len(found["two_way_text_to_image"].values) == 12 and found["two_way_text_to_image"].values.mean() == 1
    )
    assert found["whole_group_two_way_text_to_image"].values.mean() == 1
    # no text tells which image it is: "the first" is right once in two, and without images nothing is gained
    assert found["two_way_text_to_image@text_only"].values.mean() == 0.5
    assert {len(q.images) for q in seen.questions} == {0, 1, 2}
    with serve_vision(lambda q: "B") as (url, _):
        always = by_name(judge_vlm(f"vlm:other@{url}", some, SETTINGS, tmp_path))
    assert always["two_way_text_to_image"].values.mean() == 0.5
    assert always["whole_group_two_way_text_to_image"].values.mean() == 0
