"""Files, archives, YAML and texts that attack whoever reads them."""

from __future__ import annotations

import gzip
import os
import time
from pathlib import Path

import pytest
import yaml
from hostile.bombs import gzip_bomb, zip_bomb
from hostile.nasty import yaml_attacks
from hostile.watch import peak_bytes, reset_peak

from nastdata.errors import UserError
from nastdata.reading.api import LONGEST_SENTENCE, parse
from nastdata.sources.tables import read_table
from nastdata.text_input.plain_files import HARMLESS, gunzip, open_file, open_unpacked, open_zip, read_file
from nastdata.text_input.yaml_files import parse_yaml, read_yaml

SIZE = 1 << 30


@pytest.mark.parametrize("kind", ["gzip", "zip"])
def test_bombs_are_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(gzip_bomb(SIZE) if kind == "gzip" else zip_bomb(SIZE, claimed=SIZE))
    assert path.stat().st_size < SIZE // 500
    reset_peak()
    before = peak_bytes()
    with pytest.raises(UserError, match="unpacks to more than"):
        read_table(path)
    assert peak_bytes() - before < 600 << 20
    with pytest.raises(UserError, match="unpacks to more than"):
        if kind == "zip":
            with open_zip(path) as archive:
                archive.read(archive.names[0])
        else:
            with open_unpacked(path) as stream:
                while stream.read(1 << 20):
                    pass


def test_what_packs_well_and_is_small_is_read(tmp_path: Path) -> None:
    data = b"a,b\n" + b"1,2\n" * 1_000_000
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(data, mtime=0))
    assert len(data) < HARMLESS and gunzip(path.read_bytes(), path) == data
    with open_unpacked(path) as stream:
        assert stream.read() == data


def test_devices_pipes_and_folders_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("fifo", "zero", "loop", ".", "nothing"):
        with pytest.raises(UserError):
            open_file(tmp_path / name)
        with pytest.raises(UserError):
            read_file(tmp_path / name)


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x" * 101)
    assert len(read_file(path, 101)) == 101
    with pytest.raises(UserError, match="too large"):
        read_file(path, 100)


HARMLESS_YAML = {
    "timestamp",
    "nan",
    "binary",
    "set",
    "pairs",
    "none",
    "only a comment",
    "a list",
    "a word",
    "escape",
}
HARMLESS_YAML |= {"surrogate", "long key", "many keys", "anchors"}


@pytest.mark.parametrize("name", sorted(set(yaml_attacks()) - HARMLESS_YAML))
def test_yaml_that_attacks_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(yaml_attacks()[name].encode("utf-8", "surrogatepass"))
    start = time.process_time()
    with pytest.raises(UserError):
        read_yaml(path)
    assert time.process_time() - start < 5
    assert not list(tmp_path.glob("hacked*"))


def test_aliases_that_stand_for_little_are_fine() -> None:
    text = "a: &a [1, 2]\nb: [*a, *a]\nc: {<<: {x: 1}}\n"
    assert parse_yaml(text, "t") == yaml.safe_load(text)


def test_patterns_take_no_endless_time(tmp_path: Path) -> None:
    from nastdata.sources.own.report_files import name_studies

    start = time.process_time()
    assert name_studies(["a" * 60 + "!.txt"], r"(?P<study>(a+)+)$") == [None]
    assert time.process_time() - start < 2
    assert name_studies(["p1/s2.txt"], r"(?P<patient>p\d+)/(?P<study>s\d+)") == [("p1", "s2")]


@pytest.mark.parametrize("text", ["no edema, " * 40_000, "no " * 3_000, "(" * 10_000 + "edema"])
def test_endless_texts_are_unread(text: str) -> None:
    start = time.process_time()
    found = parse(text, report=True)
    assert time.process_time() - start < 2
    assert not found.labels and [(u.start, u.end) for u in found.unread] == [(0, len(text))]


def test_long_reports_of_usual_sentences_are_read() -> None:
    text = "There is a small left pleural effusion. No pneumothorax. " * 300
    assert len(text) > LONGEST_SENTENCE
    assert parse(text, report=True).labels == {"Pleural Effusion": 1, "Pneumothorax": 0}
