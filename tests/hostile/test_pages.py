"""Pages that we write for people: markup of others is shown, never obeyed, and a policy forbids the rest."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "nastdata"
MARKUP = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "<svg/onload=alert(1)>",
    "<!--",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
)
SERVED = ROOT / "review" / "web"
PAGES = sorted(p for p in ROOT.rglob("*.html.j2") if SERVED not in p.parents)
PAGES += [ROOT / "evaluation" / "leaderboard.py", SERVED / "guard.py"]
"""Pages of the review are served, and have their policy in a header."""
OWN = re.compile(r"\{\{-?\s*(?:style|script)\s*\|\s*safe\s*-?\}\}")
"""Our own style and script, which are named by their hash in the policy."""


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_page_forbids_what_it_does_not_need(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    found = re.search(r"content-security-policy[^>]*?default-src 'none'", text, re.S | re.I)
    assert found, "a page without a policy"
    assert "script-src 'unsafe-inline'" not in text and "unsafe-eval" not in text
    assert not re.search(r"\|\s*safe\b", OWN.sub("", text)), "a value that is not escaped"


def test_no_served_page_shows_values_as_they_are() -> None:
    for page in SERVED.rglob("*.j2"):
        assert not re.search(r"\|\s*safe\b", page.read_text(encoding="utf-8")), page


def test_every_template_engine_escapes() -> None:
    for path in ROOT.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "Environment(" in text and ".html" in text:
            assert "autoescape=True" in text, path


@pytest.mark.parametrize("markup", MARKUP)
def test_captions_with_markup_are_shown_in_the_report(markup: str, tmp_path: Path) -> None:
    import polars as pl
    from tiny import write_dataset

    from nastdata.dataset.documents import render_documents
    from nastdata.dataset.folder import read_dataset

    folder = read_dataset(write_dataset(tmp_path / "d"))
    frames = {
        "contextual_captions": folder.read("contextual_captions").with_columns(
            pl.lit(markup).alias("caption")
        )
    }
    page = render_documents({"nastdata": None, "rows": {}}, frames, None, None)["report.html"].decode()
    body = page.partition("</head>")[2]
    assert "alert(1)" not in re.sub(r"&lt;.*?&gt;", "", body) or "<script>alert" not in body
    for bad in ("<script>alert", "<img src=x", "<svg/onload", "' onmouseover='"):
        assert bad not in body


@pytest.mark.parametrize("markup", MARKUP)
def test_names_with_markup_are_shown_in_the_leaderboard(markup: str) -> None:
    from nastdata.evaluation.leaderboard import Board, write_html

    board = Board(({k: markup for k in ("label", "split", "hash", "name")},), (markup,), ())
    page = write_html(board)
    for bad in ("<script>alert", "<img src=x", "<svg/onload"):
        assert bad not in page
