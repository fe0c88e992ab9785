"""The report shows what is in the folder, runs nothing but itself, and opens in a real browser."""

from __future__ import annotations

import io
import re
import shutil
import struct
import subprocess
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from dataset_frames import TEXT, make_frames, make_manifest, make_rejects
from hypothesis import given

from nastdata.dataset.folder import write_dataset
from nastdata.images.thumbnails import make_data_uri
from nastdata.report.counts import count_config, count_patients
from nastdata.report.highlights import mark_difference

CHROMIUM = next(
    (p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p is not None), None
)
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--hide-scrollbars",
)
HOSTILE = (
    "</script></style><script>document.title='pwned'</script><img src=x onerror=\"document.title='pwned'\">"
)


def load_png(source: str, path: str) -> bytes | None:
    from PIL import Image

    file = io.BytesIO()
    Image.new("L", (400, 300), 90).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report") / "out"
    write_dataset(out, make_frames(60), make_rejects(), make_manifest(), image_loader=load_png)
    return out / "report.html"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose every text is an attack."""
    out = tmp_path_factory.mktemp("hostile") / "out"
    frames = {}
    for name, frame in make_frames(20, HOSTILE).items():
        rename = [c for c in ("item_id", "condition", "image_id", "plan_id") if c in frame.columns]
        frames[name] = frame.with_columns(pl.lit(HOSTILE).alias(c) for c in rename)
    manifest = make_manifest()
    manifest["sources"][0]["title"] = manifest["audit"]["solvers"][0]["name"] = HOSTILE
    manifest["recipe"]["note"] = HOSTILE
    write_dataset(out, frames, make_rejects(text=HOSTILE), manifest)
    return out / "report.html"


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, k, v or "") for k, v in attrs]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parse(html: str) -> Tags:
    tags = Tags()
    tags.feed(html)
    return tags


def browse(page: Path, profile: Path, *more: str, fragment: str = "") -> str:
    if CHROMIUM is None:
        pytest.skip("no Chromium here; `make browser` installs it")
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", *more, page.as_uri() + fragment]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


def test_nothing_is_fetched(page: Path) -> None:
    found = parse(page.read_text())
    for tag, name, value in found.attributes:
        if name in ("src", "href", "srcset", "data", "action", "poster", "background"):
            assert value.startswith(("#", "data:image/")), (tag, name, value)
    assert not found.tags["link"] and not found.tags["iframe"] and found.tags["script"] == 1
    assert "url(" not in page.read_text() and "@import" not in page.read_text()
    policy = next(v for t, k, v in found.attributes if t == "meta" and "default-src" in v)
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy


def test_it_is_made_for_phones(page: Path) -> None:
    assert ("meta", "content", "width=device-width, initial-scale=1") in parse(page.read_text()).attributes


def test_what_stands_in_it(page: Path) -> None:
    text = " ".join(parse(page.read_text()).text)
    for said in (
        "none in two splits",
        "Not for clinical use",
        "not to be published openly",
        "best blind solver",
        "81.0 %",
        "n-grams get far",
        "Edema, no fracture.",
        "reason 0",
        "calls",
        "train.csv.gz",
        "plan 1",
        "uncertain",
    ):
        assert said in text, said


def test_counts_are_right() -> None:
    for config, frame in make_frames(60).items():
        counted: Counter[tuple[str, ...]] = Counter()
        for row in frame.to_dicts():
            counted.update(count_plainly(config, row))
        got = {
            (c, p, t, s): n
            for c, p, t, splits in count_config(config, frame).rows
            for s, n in splits.items()
            if n
        }
        assert got == counted, config
    frames = make_frames(60)
    assert count_patients(frames) == (60, 0)
    moved = {"a": frames["probes"], "b": frames["probes"].with_columns(split=pl.lit("test"))}
    assert count_patients(moved) == (60, 48)


def count_plainly(config: str, row: dict[str, Any]) -> list[tuple[str, ...]]:
    split = row["split"]
    if config == "mednega":
        labels = row["choice_labels"]["ABCD".index(row["answer"])]
        return [
            (c, "present" if v else "absent", "existence", split)
            for c, v in zip(row["conditions"], labels, strict=True)
        ]
    if config == "contextual_claims":
        return [(row["condition"], "negated", row["negation_type"], split)]
    if config == "contextual_captions":
        return [(row["fact"]["condition"], row["polarity"], row["negation_type"], split)]
    if config == "probes":
        return [(row["condition"], "negated", "existence", split)]
    return [(row["condition"], row["polarity"], row["style"], split)]


@given(TEXT, TEXT)
def test_pieces_are_the_texts(a: str, b: str) -> None:
    left, right = mark_difference(a, b)
    assert "".join(t for t, _ in left) == a
    assert "".join(t for t, _ in right) == b
    shared = ["".join(t.split()) for t, differs in left if not differs]
    assert "".join(shared) == "".join("".join(t.split()) for t, differs in right if not differs)
    if a == b:
        assert not any(differs for _, differs in left)


def test_differences_are_whole_phrases() -> None:
    left, right = mark_difference("No pneumothorax, but edema.", "Fully expanded lungs and edema.")
    assert [t for t, d in left if d] == ["No pneumothorax, but"]
    assert [t for t, d in right if d] == ["Fully expanded lungs and"]


def test_pictures_are_small_and_nothing_else_is_shown() -> None:
    uri = make_data_uri(load_png("", "") or b"")
    assert uri is not None and uri.startswith("data:image/jpeg;base64,") and len(uri) < 10_000
    assert make_data_uri(b"<svg onload='alert(1)'/>") is None
    assert make_data_uri(b"\x89PNG\r\n\x1a\n" + b"cut off") is None
    from PIL import Image

    deep = io.BytesIO()
    Image.frombytes("I;16", (2, 2), struct.pack("<4H", 0, 20000, 40000, 65535)).save(deep, "PNG")
    assert make_data_uri(deep.getvalue()) is not None


def test_data_is_escaped(hostile: Path) -> None:
    found = parse(hostile.read_text())
    assert found.tags["script"] == 1 and found.tags["img"] == 0
    assert not [a for a in found.attributes if a[1].startswith("on")]
    assert "pwned" in hostile.read_text(), "the attack is shown as text"


def test_a_browser_runs_no_hostile_script(hostile: Path, tmp_path: Path) -> None:
    dom = browse(hostile, tmp_path, "--dump-dom")
    title = re.search("<title>(.*?)</title>", dom, re.S)
    assert title is not None and title[1] != "pwned"
    assert '<html lang="en" class="js">' in dom, "our own script ran"


def test_even_injected_script_would_not_run(page: Path, tmp_path: Path) -> None:
    """The policy holds should escaping ever fail."""
    bad = tmp_path / "bad.html"
    attack = "<script>document.title='pwned'</script><img src=x onerror=\"document.title='pwned'\">"
    bad.write_text(page.read_text().replace("<main", attack + "<main", 1))
    dom = browse(bad, tmp_path / "profile", "--dump-dom", "--virtual-time-budget=2000")
    assert "<title>pwned</title>" not in dom
    assert 'class="js"' in dom


def test_a_browser_shows_one_config_and_opens_a_linked_row(page: Path, tmp_path: Path) -> None:
    html = page.read_text()
    article = re.search(r'<article id="(probes-[^"]+)"', html)
    assert article is not None
    dom = browse(page, tmp_path / "p", "--dump-dom", fragment=f"#{article[1]}")
    shown = re.findall(r'<div class="examples" data-config="(\w+)"( hidden="")?', dom)
    assert [name for name, hidden in shown if not hidden] == ["probes"]
    assert re.search(rf'<article id="{article[1]}".*?<details open="">', dom, re.S)


def test_a_phone_needs_no_sideways_scrolling(page: Path, tmp_path: Path) -> None:
    """Measured in a frame as wide as a phone; the frame's own script reads the widths."""
    frame = tmp_path / "frame.html"
    frame.write_text(
        f'<iframe id="f" src="{page.as_uri()}" style="width:360px;height:800px;border:0"></iframe>'
        "<p id=out></p><script>document.getElementById('f').onload = (e) => {"
        "const d = e.target.contentDocument.documentElement;"
        "document.getElementById('out').textContent = d.scrollWidth + ' ' + d.clientWidth; };</script>"
    )
    flags = ("--allow-file-access-from-files", "--dump-dom", "--virtual-time-budget=3000")
    dom = browse(frame, tmp_path / "p", *flags)
    measured = re.search(r'<p id="out">(\d+) (\d+)</p>', dom)
    assert measured is not None, "the frame could not be measured"
    assert int(measured[1]) <= int(measured[2]) == 360


def test_a_screenshot_at_phone_width_is_not_blank(page: Path, tmp_path: Path) -> None:
    shot = tmp_path / "shot.png"
    browse(page, tmp_path / "p", f"--screenshot={shot}", "--window-size=500,1600")
    from PIL import Image

    with Image.open(shot) as image:
        assert image.size == (500, 1600)
        assert sum(1 for n in image.convert("L").histogram() if n) > 40
