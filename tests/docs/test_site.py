"""The site builds offline with warnings as errors, links nothing outside for itself, and covers the code."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pages import ROOT

from nastdata.cli import COMMANDS
from nastdata.recipe import BuildRecipe
from nastdata.records import COLUMN_ORDER

LOADED = re.compile(r'<(?:script|img|link|iframe)\b[^>]*?(?:src|href)="(https?:)?//')


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("furo")
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q"]
    doctrees = ["-d", str(out / "trees")]
    done = subprocess.run(
        [*command, *doctrees, str(ROOT / "docs"), str(out / "html")],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out / "html"


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 50
    for page in pages:
        assert not LOADED.search(page.read_text(encoding="utf-8")), page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(\s*['\"]?(https?:)?//|@import\s+['\"]?http", sheet.read_text()), sheet


def test_it_fits_a_phone_in_light_and_dark(site: Path) -> None:
    """No page scrolls sideways at 390 pixels; wide tables and blocks scroll within themselves."""
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = next(
        (p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None
    )
    if chromium is None:
        pytest.skip("no chromium")
    names = (
        "index",
        "tutorial",
        "which-corpus",
        "validate",
        "languages",
        "reference/recipes",
        "reference/columns",
    )
    with sync_api.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        grounds = set()
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme=scheme)
            for name in names:
                page.goto((site / f"{name}.html").as_uri())
                assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
            grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            page.close()
        browser.close()
    assert len(grounds) == 2, grounds


def test_it_can_be_searched(site: Path) -> None:
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    for word in ("pneumothorax", "negbench", "phantom_pati"):
        assert word in index, word


def test_the_reference_is_the_code(site: Path) -> None:
    commands = (site / "reference" / "commands.html").read_text(encoding="utf-8")
    assert all(f"nastdata {name}" in commands for name in COMMANDS)
    recipes = (site / "reference" / "recipes.html").read_text(encoding="utf-8")
    assert all(f">{key}" in recipes for key in BuildRecipe.model_fields if key != "recipe")
    columns = (site / "reference" / "columns.html").read_text(encoding="utf-8")
    assert all(c in columns for names in COLUMN_ORDER.values() for c in names)
    api = (site / "reference" / "api.html").read_text(encoding="utf-8")
    for name in ("build", "load", "Dataset", "evaluate", "trace", "train", "parse", "check_caption"):
        assert f'<span class="pre">{name}</span>' in api, name
    for page in ("recipes", "source-yaml", "ontology-keys"):
        text = (site / "reference" / f"{page}.html").read_text(encoding="utf-8")
        assert len(re.findall(r"<td><p>", text)) > 40 and "<td></td>\n</tr>" not in text, page
    messages = (site / "reference" / "messages.html").read_text(encoding="utf-8")
    assert "no such recipe" in messages
