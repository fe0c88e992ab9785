"""Two people review 40 items each in a real browser, by keyboard alone, and the server is killed midway."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from commands import Run
from review_pages import open_browser, serve_review

from nastdata.seeded import draw_unit

ITEMS = 40
KEYS = {"yes": "1", "no": "2", "unsure": "3"}
GOOD = {"true": "yes", "english": "yes", "equivalent": "yes", "second": "no"}


def decide(person: str, n: int, question: str) -> str:
    """Mostly the good answer; what is wrong with an item is mostly seen by both."""
    shared, own = draw_unit(1, n, question), draw_unit(2, person, n, question)
    if own < 0.06:
        return "unsure"
    bad = (shared < 0.25) != (own > 0.93)
    return {"yes": "no", "no": "yes"}[GOOD[question]] if bad else GOOD[question]


def answer_item(page: Any, person: str) -> int:
    """Answer the item that is shown, with the keyboard; return its number."""
    n = int(page.locator("input[name=item]").get_attribute("value"))
    for question in GOOD:
        page.keyboard.press(KEYS[decide(person, n, question)])
    if n % 9 == 0:
        page.keyboard.press("c")
        page.keyboard.type(f"{person} on {n}: \u201cquoted\u201d, 骨折 \U0001fac1")
        page.keyboard.press("Escape")
    before = page.locator("#count").inner_text()
    page.keyboard.press("Enter")
    moved = (
        "(b, c = document.querySelector('#count'), there = document.readyState === 'complete')"
        " => there && (c === null || c.innerText !== b)"
    )
    page.wait_for_function(moved, arg=before)
    return n


def test_two_reviewers_by_keyboard_with_a_kill_between(mednega: Path, run: Run, tmp_path: Path) -> None:
    people = ["--reviewer", "AB", "--reviewer", "CD"]
    done: dict[str, list[int]] = {"AB": [], "CD": []}
    with open_browser() as browser:
        with serve_review(mednega, *people, "--items", str(ITEMS)) as served:
            pages = {p: browser.new_context().new_page() for p in done}
            problems: list[str] = []
            for person, page in pages.items():
                page.on("pageerror", lambda e: problems.append(str(e)))
                page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
                page.goto(served.fresh_link(person))
            for _ in range(17):
                for person, page in pages.items():
                    done[person].append(answer_item(page, person))
            done["AB"].append(answer_item(pages["AB"], "AB"))
            # half an item, not saved yet, and then the power goes
            pages["CD"].keyboard.press("1")
            served.kill()
        assert not problems
        with serve_review(mednega, *people) as served:
            assert f"resumed: {ITEMS} items" in " ".join(served.lines)
            assert any("AB (18 of 40" in x for x in served.lines)
            assert any("CD (17 of 40" in x for x in served.lines)
            for person in done:
                page = browser.new_context().new_page()
                page.goto(served.fresh_link(person))
                assert page.locator("#count").inner_text() == f"{len(done[person])} of {ITEMS} answered"
                while page.locator("#form").count():
                    done[person].append(answer_item(page, person))
                assert "You answered all 40 items" in page.locator("main").inner_text()
    for numbers in done.values():
        assert sorted(numbers) == list(range(1, ITEMS + 1))
    table = tmp_path / "answers.csv"
    exported = run("review", str(mednega), "--export", str(table))
    assert exported.returncode == 0, exported.stderr
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * ITEMS
    for row in rows:
        n = int(row["item"])
        assert {q: row[q] for q in GOOD} == {q: decide(row["reviewer"], n, q) for q in GOOD}
        wanted = f"{row['reviewer']} on {n}: \u201cquoted\u201d, 骨折 \U0001fac1" if n % 9 == 0 else ""
        assert row["comment"] == wanted
    _compare_figures(mednega, run, rows)


def _compare_figures(folder: Path, run: Run, rows: list[dict[str, str]]) -> None:
    """Kappa and alpha are the libraries' own, on the exported table."""
    import krippendorff
    from sklearn.metrics import cohen_kappa_score
    from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

    figures = json.loads(run("review", str(folder), "--figures", "--json").stdout)
    assert figures["items"]["answers"] == {"AB": ITEMS, "CD": ITEMS}
    for question in GOOD:
        said = {
            p: [r[question] for r in sorted(rows, key=lambda r: int(r["item"])) if r["reviewer"] == p]
            for p in ("AB", "CD")
        }
        found = figures["agreement"][question]
        kappa = cohen_kappa_score(said["AB"], said["CD"])
        assert found["cohen"][0]["value"] == pytest.approx(kappa, abs=1e-12)
        assert found["cohen"][0]["low"] <= kappa <= found["cohen"][0]["high"]
        pairs = list(zip(said["AB"], said["CD"], strict=True))
        counts, _ = aggregate_raters(pairs)
        assert found["fleiss"]["value"] == pytest.approx(fleiss_kappa(counts), abs=1e-12)
        alpha = krippendorff.alpha([said["AB"], said["CD"]], level_of_measurement="nominal")
        assert found["krippendorff"]["value"] == pytest.approx(alpha, abs=1e-12)
        assert found["agreement"] == pytest.approx(sum(a == b for a, b in pairs) / ITEMS)
