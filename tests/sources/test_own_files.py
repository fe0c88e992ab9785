"""Own tables: every kind of file, and every kind of bad one, told in words; nothing lost, nothing guessed."""

from __future__ import annotations

import csv as csv_module
import datetime
import gzip
import io
import json
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from own_tables import COLUMNS, describe, labels_of, load

from nastdata.errors import UserError
from nastdata.sources.own import memory
from nastdata.sources.own.files import text_tables
from nastdata.sources.own.settings import Reading

HEADER = ("pid", "image", "effusion", "ptx", "broken rib")
GOOD: list[tuple[str, str, str | None, str | None, str | None]] = [
    ("007", "a.png", "1", "0", None),
    ("008", "b.png", None, "1", "-1"),
]
WANTED = {"a": (1, 0, None), "b": (None, 1, -1)}
THREE = tuple(COLUMNS.values())


def csv(separator: str = ",", encoding: str = "utf-8", more: str = "") -> bytes:
    lines = [separator.join(HEADER), *(separator.join(c or "" for c in row) for row in GOOD)]
    return ("\n".join(lines) + "\n" + more).encode(encoding)


def write_excel(path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    book.active.title = "Labels"
    for row in (HEADER, *GOOD):
        book.active.append(row)
    book.create_sheet("other").append(["nothing"])
    book.save(path)


def write_datasets(path: Path) -> None:
    import datasets

    names = datasets.ClassLabel(names=["nein", "ja"])
    features = datasets.Features(
        {**dict.fromkeys(HEADER, datasets.Value("string")), "effusion": names}
    )  # fmt: skip
    rows = [dict(zip(HEADER, r, strict=True)) for r in GOOD]
    for row in rows:
        row["effusion"] = "ja" if row["effusion"] else None
    datasets.Dataset.from_list(rows, features=features).save_to_disk(str(path))


FORMATS: dict[str, Callable[[Path], object]] = {
    "films.csv": lambda p: p.write_bytes(csv()),
    "films.tsv": lambda p: p.write_bytes(csv("\t")),
    "films.txt": lambda p: p.write_bytes(csv(";")),
    "bars.csv": lambda p: p.write_bytes(csv("|")),
    "films.csv.gz": lambda p: p.write_bytes(gzip.compress(csv())),
    "gzipped.csv": lambda p: p.write_bytes(gzip.compress(csv())),
    "bom.csv": lambda p: p.write_bytes(csv(encoding="utf-8-sig")),
    "utf16.csv": lambda p: p.write_bytes(csv("\t", encoding="utf-16")),
    "films.parquet": lambda p: pl.DataFrame(GOOD, schema=list(HEADER), orient="row").write_parquet(p),
    "films.jsonl": lambda p: p.write_text(
        "".join(json.dumps(dict(zip(HEADER, r, strict=True))) + "\n" for r in GOOD)
    ),
    "films.json": lambda p: p.write_text(json.dumps([dict(zip(HEADER, r, strict=True)) for r in GOOD])),
    "films.arrow": lambda p: pl.DataFrame(GOOD, schema=list(HEADER), orient="row").write_ipc(p),
    "films.xlsx": write_excel,
    "saved": write_datasets,
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_kind_of_file_is_read_alike_and_leading_zeros_are_kept(tmp_path: Path, name: str) -> None:
    FORMATS[name](tmp_path / name)
    loaded = load(describe(tmp_path, files=name))
    assert labels_of(loaded, *THREE) == WANTED
    assert loaded.frame["patient_id"].to_list() == ["007", "008"]
    assert [(f.rows, len(f.sha256)) for f in loaded.files] == [(2, 64)]


def test_a_zip_of_one_table_is_read_and_one_of_two_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "films.zip", "w") as archive:
        archive.writestr("inside.csv", csv())
    assert labels_of(load(describe(tmp_path, files="films.zip")), *THREE) == WANTED
    with zipfile.ZipFile(tmp_path / "films.zip", "a") as archive:
        archive.writestr("second.csv", csv())
    with pytest.raises(UserError, match="zip archive of 2 files"):
        load(describe(tmp_path, files="films.zip"))


def test_patterns_and_folders_name_many_files_and_rejects_name_theirs(tmp_path: Path) -> None:
    (tmp_path / "site1").mkdir()
    (tmp_path / "site2").mkdir()
    (tmp_path / "site1" / "x.csv").write_bytes(csv())
    rows = "".join(f"9{i},z{i}.png,1,0,0\n" for i in range(9))
    bad = ",".join(HEADER) + "\n" + rows + "5,y.png,perhaps not,0,0\n"
    (tmp_path / "site2" / "x.csv").write_text(bad)
    loaded = load(describe(tmp_path, files="site*/*.csv"))
    assert [(f.path.parent.name, f.rows) for f in loaded.files] == [("site1", 2), ("site2", 10)]
    assert loaded.rejects["key"].to_list() == ["x.csv, row 11"]
    assert len(load(describe(tmp_path, files=["site1", "site2/x.csv"])).files) == 2


def test_a_sheet_is_chosen_by_name(tmp_path: Path) -> None:
    write_excel(tmp_path / "films.xlsx")
    load(describe(tmp_path, files="films.xlsx", read={"sheet": "Labels"}))
    with pytest.raises(UserError, match=r"no sheet 'Label'\n.*'Labels'|did you mean 'Labels'"):
        load(describe(tmp_path, files="films.xlsx", read={"sheet": "Label"}))


def test_semicolons_with_decimal_commas_in_a_western_encoding(tmp_path: Path) -> None:
    text = "pid;image;Größe;effusion\n1;a.png;1,5;1,0\n2;b.png;2,5;0,0\n"
    (tmp_path / "films.csv").write_bytes(text.encode("cp1252"))
    labels = {"layout": "columns", "columns": {"effusion": "Pleural Effusion"}}
    path = describe(tmp_path, labels=labels, read={"encoding": "cp1252", "decimal": ","})
    assert labels_of(load(path), "Pleural Effusion") == {"a": (1,), "b": (0,)}


def test_headers_with_blanks_and_tabs_around_them_and_rows_above_them(tmp_path: Path) -> None:
    text = "Export of 2026-11-28\n\n pid ,image\t, effusion,ptx,broken rib\n1,a.png,1,0,\n"
    (tmp_path / "films.csv").write_text(text)
    assert labels_of(load(describe(tmp_path, read={"skip_rows": 2})), *THREE) == {"a": (1, 0, None)}


def test_tables_aligned_with_blanks(tmp_path: Path) -> None:
    text = (
        "pid  image    effusion  ptx  rib\n1    a.png    1         0    0\n22   bb.png   0         1    1\n"
    )
    (tmp_path / "films.csv").write_text(text)
    labels = {"layout": "columns", "columns": {**COLUMNS, "rib": "Fracture"}}
    del labels["columns"]["broken rib"]  # type: ignore[attr-defined]
    assert labels_of(load(describe(tmp_path, labels=labels)), *THREE) == {"a": (1, 0, 0), "bb": (0, 1, 1)}


def test_ids_that_spreadsheets_have_touched(tmp_path: Path) -> None:
    rows = [
        ("123.0", "a.png"),
        ("0123", "b.png"),
        ("1.2E+11", "c.png"),
        ("05.03.2024", "d.png"),
        ("2-Jan", "e.png"),
        ("#REF!", "f.png"),
        ("", "g.png"),
        ("NaN", "h.png"),
        ("=1+1", "i.png"),
    ]
    text = "".join(f"{p},{i},1,0,0\n" for p, i in rows)
    (tmp_path / "films.csv").write_text(",".join(HEADER) + "\n" + text)
    loaded = load(describe(tmp_path, max_rejected=0.9))
    assert loaded.frame["patient_id"].to_list() == ["0123", "123", "=1+1"]
    reasons = dict(loaded.rejects.select("key", "reason").rows())
    assert [reasons[f"films.csv, row {n}"].removeprefix("column 'pid': ") for n in range(4, 10)] == [
        "a number that a spreadsheet has shortened, not an id",
        "a date where an id should be",
        "a date where an id should be",
        "a spreadsheet's error where an id should be",
        "the patient id is blank",
        "the patient id is blank",
    ]


def test_an_excel_date_where_an_id_should_be_and_a_formula_in_a_cell(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(["pid", "study", "image", "effusion", "ptx", "broken rib"])
    for i in range(10):
        book.active.append([100 + i, f"{i}-2024", f"{i}.png", 1, 0, None])
    book.active.append([datetime.datetime(2024, 3, 5), "77-2024", "x.png", 1, 0, None])
    book.active.append([200, datetime.datetime(2024, 1, 1), "y.png", 1, 0, None])
    book.active.append([201, "78-2024", "z.png", '=HYPERLINK("http://x.example","1")', 0, None])
    book.save(tmp_path / "films.xlsx")
    columns = {"patient": "pid", "study": "study", "image": "image"}
    loaded = load(describe(tmp_path, files="films.xlsx", columns=columns))
    assert sorted(loaded.rejects.select("key", "reason", "text").rows()) == [
        ("films.xlsx, row 12", "column 'pid': a date where an id should be", "2024-03-05T00:00:00"),
        ("films.xlsx, row 13", "study: a date where an id should be", "2024-01-01T00:00:00"),
        (
            "films.xlsx, row 14",
            "column 'effusion': a value that is not understood",
            '=HYPERLINK("http://x.example","1")',
        ),
    ]


def test_studies_named_by_their_date_are_fine(tmp_path: Path) -> None:
    text = "".join(f"{i},2024-03-{i + 1:02},{i}.png,1,0,0\n" for i in range(9))
    (tmp_path / "films.csv").write_text("pid,day,image,effusion,ptx,broken rib\n" + text)
    loaded = load(describe(tmp_path, columns={"patient": "pid", "study": ["pid", "day"], "image": "image"}))
    assert loaded.frame["study_id"][0] == "0/2024-03-01"


def test_ids_that_are_made_of_a_path_do_not_show_it(tmp_path: Path) -> None:
    rows = ["1,Doe_Jane/x_0.png,1,0,0", "2,Doe_Jane/x_0.jpg,0,1,0", "3,b/x_1.png,0,0,1", "4,b/x_0,1,1,0"]
    settings = {"columns": {"patient": "pid", "study": "pid", "image": "image"}}
    seen = []
    for order in (rows, rows[::-1]):
        (tmp_path / "films.csv").write_text("\n".join([",".join(HEADER), *order]) + "\n")
        frame = load(describe(tmp_path, **settings)).frame
        seen.append(dict(frame.select("study_id", "image_id").iter_rows()))
    assert seen[0] == seen[1] and len(set(seen[0].values())) == 4
    assert all(len(i) == 17 and i.startswith("i") for i in seen[0].values())
    # a table that names images only: nor do the ids of studies and patients
    frame = load(describe(tmp_path, columns={"image": "image"})).frame
    assert not frame.filter(
        pl.any_horizontal(pl.col("patient_id", "study_id", "image_id").str.contains("Doe"))
    ).height


BAD_IMAGES = {
    "../../etc/passwd": "leaves the image folder",
    "a/../../b.png": "leaves the image folder",
    "..\\\\b.png": "leaves the image folder",
    "/etc/passwd": "not below the image folder",
    "C:\\images\\a.png": "not below the image folder",
    "\\\\server\\share\\a.png": "not below the image folder",
    "~/a.png": "not below the image folder",
    "https://x.example/a.png": "an address",
    "file:///etc/passwd": "an address",
    "": "the image is blank",
}


def test_images_that_lie_elsewhere_are_rejected(tmp_path: Path) -> None:
    rows = "".join(f"{i},{path},1,0,0\n" for i, path in enumerate(BAD_IMAGES))
    (tmp_path / "films.csv").write_text(",".join(HEADER) + "\n" + rows + "99,ok/a.png,1,0,0\n")
    loaded = load(describe(tmp_path, max_rejected=1))
    assert loaded.frame["image"].to_list() == ["ok/a.png"]
    for told, wanted in zip(loaded.rejects["reason"], BAD_IMAGES.values(), strict=True):
        assert wanted in told


def test_paths_of_another_machine_are_cut_as_the_description_says(tmp_path: Path) -> None:
    rows = "1,D:\\pacs\\out\\p1\\a.png,1,0,0\n2,D:\\pacs\\out\\p2\\b.png,1,0,0\n"
    (tmp_path / "films.csv").write_text(",".join(HEADER) + "\n" + rows)
    columns: dict[str, Any] = {
        "patient": {"column": "image", "pattern": "/(p[0-9]+)/"},
        "image": {"column": "image", "remove_prefix": "D:\\pacs\\out\\"},
    }
    with pytest.raises(UserError, match="no patient id fits the pattern"):
        load(describe(tmp_path, columns=columns))
    columns["patient"]["pattern"] = r"[/\\](p[0-9]+)[/\\]"
    loaded = load(describe(tmp_path, columns=columns))
    assert loaded.frame.select("patient_id", "image").rows() == [("p1", "p1/a.png"), ("p2", "p2/b.png")]


def test_one_broken_row_in_ten_is_rejected_with_its_place_and_more_are_refused(tmp_path: Path) -> None:
    lines = [f"{i},{i}.png,1,0,0" for i in range(100)]
    for i in range(0, 100, 10):
        lines[i] = f"{i},{i}.png,1" if i % 20 else f"{i},{i}.png,1,0,0,7,8"
    (tmp_path / "films.csv").write_text(",".join(HEADER) + "\n" + "\n".join(lines) + "\n")
    loaded = load(describe(tmp_path))
    assert (loaded.rows_in, loaded.rows_out, len(loaded.rejects)) == (100, 90, 10)
    assert sorted(loaded.rejects["reason"].value_counts().rows()) == [
        ("3 cells where the header has 5", 5),
        ("7 cells where the header has 5", 5),
    ]
    assert any("10 of 100 rows can't be used" in w for w in loaded.warnings)
    with pytest.raises(UserError, match=r"10 of 100 rows can't be used: 5 x .*films.csv, row (2|12)"):
        load(describe(tmp_path, max_rejected=0.05))


def test_mixed_encodings_reject_the_rows_that_are_in_another(tmp_path: Path) -> None:
    rows = b"".join(b"%d,%d.png,1,0,0\n" % (i, i) for i in range(20))
    (tmp_path / "films.csv").write_bytes(
        ",".join(HEADER).encode() + b"\n" + rows + "M\u00fcller,m.png,1,0,0\n".encode("cp1252")
        + "M\u00fcller,n.png,1,0,0\n".encode()
    )  # fmt: skip
    loaded = load(describe(tmp_path))
    assert loaded.rejects.select("key", "reason").rows() == [("films.csv, row 22", "not utf-8 text")]
    assert "Müller" in loaded.frame["patient_id"].to_list()


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("films.csv", b"", "the file is empty"),
        ("films.csv", b"\n  \n", "the file is empty"),
        ("films.csv", b"pid,image,effusion,ptx,broken rib\n", "no rows below the header"),
        ("films.csv", b"pid,image,effusion,ptx,rib\n1,a.png,1,1,1\n", "no column 'broken rib'"),
        ("films.csv", b"pid,image,effusion,effusion,ptx,broken rib\n1,a,1,0,0,0\n", "'effusion' is there 2"),
        ("films.csv", b'pid,image,effusion,ptx,broken rib\n1,"a.png,1,0,0\n2,b.png,1,0,0\n', "never closed"),
        ("films.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00", "NUL bytes"),
        ("films.csv", gzip.compress(csv() * 200, mtime=0)[:-30], "cut off"),
        ("films.csv", b"PAR1 and no more", "not a readable Parquet"),
        ("films.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1old", "old Excel file"),
        ("films.csv", b'{"pid": 1', "not readable JSON"),
        ("films.csv", b'[{"pid": 1}', "not readable JSON"),
        ("films.xlsx", b"PK\x03\x04 not a zip", "broken zip file"),
    ],
    ids=str,
)
def test_unreadable_files_are_told_in_two_plain_lines(
    tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as caught:
        load(describe(tmp_path, files=name))
    said = str(caught.value)
    assert told in said
    assert len(said.splitlines()) <= 2


def test_no_such_file_or_pattern(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        load(describe(tmp_path))
    with pytest.raises(UserError, match="no file fits this pattern"):
        load(describe(tmp_path, files="*.parquet"))


def test_unknown_column_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "films.csv").write_bytes(csv())
    with pytest.raises(UserError, match=r"no column 'pidd' \(did you mean 'pid'\?\)"):
        load(describe(tmp_path, columns={"patient": "pidd", "image": "image"}))


def test_a_label_map_that_matches_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "films.csv").write_text("pid,image,found\n1,a.png,Hernia\n2,b.png,Gibbus\n")
    labels = {"layout": "list", "column": "found", "names": {"effusion": "Pleural Effusion"}}
    with pytest.raises(UserError, match=r"2 of 2 rows can't be used.*Hernia"):
        load(describe(tmp_path, labels=labels))
    lenient = load(describe(tmp_path, labels={**labels, "unknown": "ignore"}))
    assert any("names are in no row: 'effusion'" in w for w in lenient.warnings)


PLAIN = st.sampled_from(["a", "bb", "", "é", " c "])
ODD = st.text(st.sampled_from('ab,"\n\r ;é'), max_size=5)
ROWS = st.lists(st.lists(PLAIN, min_size=3, max_size=3), max_size=12) | st.lists(
    st.lists(PLAIN | ODD, min_size=3, max_size=3), max_size=12
)


@settings(max_examples=40, deadline=None)
@given(
    ROWS,
    st.lists(st.sampled_from(["", "x", "x,y", "x,y,z,w", '"x,y', '"x"y,1,2', "\xff,b,c"]), max_size=3),
    st.randoms(),
)
def test_reading_in_blocks_is_reading_row_by_row(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], odd: list[str], order: Any
) -> None:
    """Whatever is in a file, plain blocks and quoted, ragged or broken rows come out alike."""
    out = io.StringIO(newline="")
    writer = csv_module.writer(out)
    lines = []
    for row in rows:
        out.seek(0)
        out.truncate()
        writer.writerow(row)
        lines.append(out.getvalue().encode())
    lines += [x.encode("latin-1") + b"\n" for x in odd]
    order.shuffle(lines)
    path = tmp_path_factory.mktemp("blocks") / "t.csv"
    path.write_bytes(b"p,q,r\n" + b"".join(lines))

    def read(block: int) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(text_tables, "BLOCK", block)
            if not block:
                patch.setattr(text_tables, "_parse_plain", lambda *args: None)
                patch.setattr(text_tables, "BLOCK", 1 << 20)
            try:
                batches = list(text_tables.read_batches(path, Reading(), ["p", "r"]))
            except UserError as e:
                return str(e)
        frames = [b.frame for b in batches]
        return pl.concat(frames).rows() if frames else [], sorted(x for b in batches for x in b.broken)

    slow = read(0)
    assert read(16) == slow
    assert read(1 << 20) == slow


def test_memory_stays_bounded_however_long_the_file_is(tmp_path: Path) -> None:
    """A table of 150 MB, most of it in a column that is not needed, within little more than imports need."""
    blob = "x" * 3000
    with (tmp_path / "films.csv").open("w") as file:
        file.write("pid,image,effusion,ptx,broken rib,note\n")
        for i in range(50_000):
            file.write(f"{i},{i}.png,1,0,,{blob}\n")
    path = describe(tmp_path)
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from own_tables import load\n"
        "from nastdata.sources.own.layouts import make_layout\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"loaded = load(Path({str(path)!r}))\n"
        "assert len(loaded.frame) == 50_000\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
    )
    helpers = str(Path(__file__).parents[1] / "helpers")
    from os import environ, pathsep

    env = {**environ, "PYTHONPATH": pathsep.join([helpers, environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert int(done.stdout) < 130, done.stdout
    assert resource.getpagesize()


def test_a_table_that_does_not_fit_into_memory_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(f"{i},{i}.png,1,0,0\n" for i in range(2_000))
    (tmp_path / "films.csv").write_text(",".join(HEADER) + "\n" + rows)
    mine = describe(tmp_path)
    monkeypatch.setattr(memory, "LEAST", 10_000)
    assert len(load(mine).frame) == 2_000
    monkeypatch.setattr(memory, "read_free_memory", lambda: 100_000)
    with pytest.raises(UserError, match="too many rows for the memory of this machine: 2,000 rows"):
        load(mine)
