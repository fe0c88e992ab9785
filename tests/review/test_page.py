"""The page's manners: who may talk to it, what it shows of hostile data, two tabs, undo, a third reader."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from dataset_frames import make_frames, make_manifest, make_rejects
from review_pages import Served, open_browser, serve_review

from nastdata.dataset.folder import write_dataset
from nastdata.review.store import ReviewStore

ATTACK = "</p><script>document.title='pwned'</script><img src=x onerror=\"document.title='pwned'\">{{7*7}}"
MEDNEGA = {"q.true": "yes", "q.english": "yes", "q.equivalent": "yes", "q.second": "no"}


@pytest.fixture(scope="module")
def served(built_mednega: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    db = tmp_path_factory.mktemp("served") / "review.sqlite"
    people = ("--reviewer", "AB", "--reviewer", "CD", "--adjudicator", "EF")
    with serve_review(built_mednega, *people, "--items", "12", "--db", db, people=3) as running:
        yield running


def read_hidden(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="(\d+)"', html)
    assert found, html[:400]
    return found[1]


def answer(served: Served, cookie: str, **changes: str) -> tuple[int, str]:
    """Answer the item that comes next for whoever's cookie it is."""
    _, _, html = served.ask("GET", "/", cookie=cookie)
    form = {"item": read_hidden(html, "item"), "seen": read_hidden(html, "seen"), **MEDNEGA, **changes}
    status, _, text = served.ask("POST", "/answer", form, cookie)
    return status, text


def test_a_link_works_once_and_a_new_one_is_shown(served: Served) -> None:
    link = served.fresh_link("AB")
    path = link.split(str(served.port), 1)[1]
    assert served.ask("GET", path)[0] == 303
    status, _, text = served.ask("GET", path)
    assert status == 403 and "used already" in text
    again = served.fresh_link("AB")
    assert again != link and served.ask("GET", again.split(str(served.port), 1)[1])[0] == 303


@pytest.mark.parametrize(
    "path",
    ["/enter", "/enter?token=", "/enter?token=wrong", "/enter?token=%00%ff", "/", "/item/1", "/picture/1/0"],
)
def test_without_a_session_there_is_nothing(served: Served, path: str) -> None:
    status, headers, text = served.ask("GET", path)
    assert status == 403 and "set-cookie" not in headers and "mn-" not in text
    assert served.ask("GET", path, cookie=f"nastdata_review_{served.port}=guess")[0] == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example"]
)
def test_another_host_is_refused(served: Served, host: str) -> None:
    """DNS rebinding: a page elsewhere reaches this address under its own name."""
    cookie = served.enter("AB")
    for path in ("/", "/style.css", served.links["AB"][-1].split(str(served.port), 1)[1]):
        assert served.ask("GET", path, cookie=cookie, headers={"Host": host})[0] == 421
    assert served.ask("GET", "/", cookie=cookie, headers={"Host": f"localhost:{served.port}"})[0] == 200


@pytest.mark.parametrize("origin", ["", "null", "http://evil.example", "https://127.0.0.1"])
def test_a_form_from_elsewhere_is_refused(served: Served, origin: str) -> None:
    cookie = served.enter("AB")
    for path in ("/answer", "/skip", "/undo"):
        status, _, _ = served.ask("POST", path, {"item": "1", "seen": "0"}, cookie, {"Origin": origin})
        assert status == 403
    assert served.ask("PUT", "/answer", {}, cookie)[0] == 405


@pytest.mark.parametrize(
    "path",
    [
        *("/picture/../../etc/passwd", "/picture/..%2f..%2fetc%2fpasswd/0", "/item/../1", "/item/%2e%2e"),
        *(
            "/picture/1/7",
            "/picture/999/0",
            "/picture/-1/0",
            "/item/999",
            "/item/1e3",
            "//etc/passwd",
            "/static/x",
        ),
        *("/picture/99999999999999999999999/0", "/item/%EF%BC%91%00"),
    ],
)
def test_no_path_of_a_client_reaches_the_disk(served: Served, path: str) -> None:
    status, _, text = served.ask("GET", path, cookie=served.enter("AB"))
    assert status in (404, 400) and "root:" not in text and "Traceback" not in text


def test_every_answer_carries_a_policy(served: Served) -> None:
    cookie = served.enter("AB")
    for path in ("/", "/nowhere", "/style.css", "/script.js", "/enter?token=x", "/picture/1/0"):
        headers = served.ask("GET", path, cookie=cookie)[1]
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'") and "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff" and headers["cache-control"] == "no-store"
        assert headers["x-frame-options"] == "DENY" and "server" not in headers
    assert "httponly" in _cookie(served).lower() and "samesite=strict" in _cookie(served).lower()


def _cookie(served: Served) -> str:
    return served.open_link("CD")["set-cookie"]


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({}, 400),
        ({"item": "1"}, 400),
        ({"item": "x", "seen": "0"}, 400),
        ({"item": "1", "seen": "-1"}, 400),
        ({"item": "²", "seen": "0"}, 400),
        ({"item": "1", "seen": "0", **MEDNEGA, "comment": "x" * 4001}, 422),
        ({"item": "1", "seen": "0", **MEDNEGA, "text.A.negated": "x" * 1001}, 422),
        ({"item": "1", "seen": "0", **MEDNEGA, "comment": "x" * 300_000}, 413),
        ({"item": "1", "seen": "0", **MEDNEGA, "q.true": "maybe"}, 422),
        ({"item": "1", "seen": "0", "q.true": "yes"}, 422),
        ({"item": "999", "seen": "0", **MEDNEGA}, 404),
        ({"item": "../1", "seen": "0", **MEDNEGA}, 400),
    ],
)
def test_forms_are_read_strictly(served: Served, form: dict[str, str], status: int) -> None:
    found, _, text = served.ask("POST", "/answer", form, served.enter("CD"))
    assert found == status and "Traceback" not in text


def test_a_form_that_is_none(served: Served) -> None:
    cookie = served.enter("CD")
    twice = [("item", "1"), ("item", "2")]
    assert served.ask("POST", "/answer", twice, cookie)[0] == 400  # type: ignore[arg-type]


def test_readers_do_not_see_one_another(served: Served) -> None:
    status, _ = answer(served, served.enter("AB"), comment="a secret of AB")
    assert status == 303
    other = served.enter("CD")
    for n in range(1, 13):
        text = served.ask("GET", f"/item/{n}", cookie=other)[2]
        assert "secret" not in text and "checked" not in text.split("<form")[1].split("comment")[0]


def test_two_tabs_do_not_overwrite_one_another(served: Served) -> None:
    cookie = served.enter("AB")
    _, _, html = served.ask("GET", "/", cookie=cookie)
    form = {"item": read_hidden(html, "item"), "seen": read_hidden(html, "seen"), **MEDNEGA}
    assert served.ask("POST", "/answer", {**form, "comment": "first tab"}, cookie)[0] == 303
    status, _, text = served.ask("POST", "/answer", {**form, "comment": "second tab"}, cookie)
    assert status == 409 and "another tab" in text and "second tab" in text
    again = {**form, "seen": read_hidden(text, "seen"), "comment": "second tab"}
    assert served.ask("POST", "/answer", again, cookie)[0] == 303


def test_undo_and_skip(served: Served) -> None:
    cookie = served.enter("AB")
    _, _, html = served.ask("GET", "/", cookie=cookie)
    first = read_hidden(html, "item")
    assert served.ask("POST", "/skip", {"item": first, "seen": read_hidden(html, "seen")}, cookie)[0] == 303
    _, _, html = served.ask("GET", "/", cookie=cookie)
    assert read_hidden(html, "item") != first and "1 skipped" in html
    status, headers, _ = served.ask("POST", "/undo", {}, cookie)
    assert (status, headers["location"]) == (303, f"/item/{first}")
    _, _, html = served.ask("GET", "/", cookie=cookie)
    assert read_hidden(html, "item") == first and "skipped" not in html
    status, _ = answer(served, cookie, comment="kept through an undo \U0001f642")
    assert status == 303
    where = served.ask("POST", "/undo", {}, cookie)[1]["location"]
    text = served.ask("GET", where, cookie=cookie)[2]
    assert (
        "Taken back" in text and "kept through an undo \U0001f642" in text and 'value="yes" checked' in text
    )


def test_a_third_reader_decides(served: Served) -> None:
    first, second, third = (served.enter(p) for p in ("AB", "CD", "EF"))
    _, _, html = served.ask("GET", "/", cookie=second)
    n = read_hidden(html, "item")
    assert answer(served, second, **{"q.true": "no"}, comment="looks clear to me")[0] == 303
    _, _, html = served.ask("GET", f"/item/{n}", cookie=first)
    form = {"item": n, "seen": read_hidden(html, "seen"), **MEDNEGA}
    assert served.ask("POST", "/answer", form, first)[0] == 303
    _, _, html = served.ask("GET", f"/item/{n}", cookie=third)
    assert "adjudicating" in html and "looks clear to me" in html
    said = re.findall(r"Reader \d: <strong>(.*?)</strong>", html)
    assert sorted(said[:2]) == ["No", "Yes"], "the two answers to the first question"
    assert "AB" not in html.split("<main")[1] and "CD" not in html.split("<main")[1]
    form |= {"seen": read_hidden(html, "seen"), "q.true": "no"}
    assert served.ask("POST", "/answer", form, third)[0] == 303
    agreed = next(
        str(k)
        for k in range(1, 13)
        if str(k) != n and served.ask("GET", f"/item/{k}", cookie=third)[0] == 404
    )
    assert served.ask("POST", "/answer", {**form, "item": agreed, "seen": "0"}, third)[0] == 404


def test_hostile_data_is_shown_as_text(tmp_path: Path) -> None:
    frames = {c: f for c, f in make_frames(20, ATTACK).items() if c in ("contextual_captions", "mednega")}
    manifest = {**make_manifest(), "sources": []}
    out = write_dataset(tmp_path / "hostile", frames, make_rejects(), manifest)
    with (
        serve_review(out, "--reviewer", ATTACK[:20], "--reviewer", "B", "--items", "4") as served,
        open_browser() as browser,
    ):
        page = browser.new_page()
        page.goto(served.fresh_link(ATTACK[:20]))
        for _ in range(4):
            assert "pwned" not in page.title() and page.locator("img").count() == 0
            assert ATTACK in page.locator(".lines").inner_text()
            count = page.locator("#count").inner_text()
            page.keyboard.press("c")
            page.keyboard.type(ATTACK)
            page.keyboard.press("Escape")
            while page.locator("[data-question]:not(:has(:checked))").count():
                page.keyboard.press("3")
            page.keyboard.press("Enter")
            moved = (
                "(b, c = document.querySelector('#count'), there = document.readyState === 'complete')"
                " => there && (c === null || c.innerText !== b)"
            )
            page.wait_for_function(moved, arg=count)
        assert "Done" in page.locator("h1").inner_text()
    store = ReviewStore(tmp_path / "hostile.review.sqlite")
    answers = store.read_answers()
    assert len(answers) == 4 and {a.comment for a in answers} == {ATTACK}
    store.close()


def test_a_dataset_without_images_asks_what_can_be_answered(tmp_path: Path) -> None:
    frames = make_frames(20)
    out = write_dataset(tmp_path / "bare", frames, make_rejects(), make_manifest())
    with serve_review(out, "--items", "10") as served:
        assert any("10 of 10 items have no image" in x for x in served.lines)
        assert any("nobody is named" in x for x in served.lines)
        html = served.ask("GET", "/", cookie=served.enter("R1"))[2]
        assert "No image: " in html and "q.true" not in html and "q.english" in html
        assert served.ask("GET", "/picture/1/0", cookie=served.enter("R1"))[0] == 404


def test_small_and_large_screens_light_and_dark(served: Served, tmp_path: Path) -> None:
    from PIL import Image

    with open_browser() as browser:
        for width, height in ((390, 844), (1440, 900)):
            for scheme in ("light", "dark"):
                context = browser.new_context(
                    viewport={"width": width, "height": height}, color_scheme=scheme, has_touch=width < 400
                )
                page = context.new_page()
                page.goto(served.fresh_link("CD"))
                page.wait_for_function("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                small = page.evaluate(
                    "[...document.querySelectorAll('button, .choices label')].filter(b => b.offsetHeight && "
                    "b.offsetHeight < 44).length"
                )
                assert small == 0, "every target is large enough for a finger"
                shot = tmp_path / f"{width}-{scheme}.png"
                page.screenshot(path=str(shot))
                with Image.open(shot) as image:
                    corner = image.convert("L").getpixel((3, height - 3))
                    assert isinstance(corner, int) and (corner > 200) == (scheme == "light")
                context.close()


def test_window_level_and_inversion_change_the_picture(served: Served) -> None:
    with open_browser() as browser:
        page = browser.new_page()
        page.goto(served.fresh_link("CD"))
        page.wait_for_function("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
        before = page.locator(".stage").screenshot()
        page.keyboard.press("i")
        assert page.locator("[data-act=invert]").get_attribute("aria-pressed") == "true"
        inverted = page.locator(".stage").screenshot()
        page.keyboard.press("r")
        page.keyboard.press("[")
        page.keyboard.press("+")
        narrowed = page.locator(".stage").screenshot()
        assert len({before, inverted, narrowed}) == 3
        names = page.evaluate(
            "[...document.querySelectorAll('button, input:not([type=hidden]), textarea')].filter(e => "
            "!(e.labels && e.labels.length) && !e.innerText && !e.getAttribute('aria-label')).length"
        )
        assert names == 0, "every control has a name for a screen reader"
        assert page.locator("fieldset").count() == page.locator("fieldset > legend").count() == 4
