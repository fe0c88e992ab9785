"""Bad tables: each mistake in one or two lines that name file, row, column and value."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nastdata.errors import UserError
from nastdata.sources.tables import parse_labels, read_table, unpack

GOOD = b"Path,Edema\na,1.0\nb,\n"
Change = Callable[[bytes], bytes]


def read(folder: Path, data: bytes, name: str = "t.csv") -> UserError:
    path = folder / name
    path.write_bytes(data)
    with pytest.raises(UserError) as caught:
        parse_labels(read_table(path, ["Path", "Edema"]), ["Edema"])
    told = str(caught.value)
    assert str(path) in told
    assert len(told.splitlines()) <= 2
    return caught.value


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"Path,Edema\n", "no rows"),
        (b"Path,Edema\n\n,\n", "no rows"),
        (b"just some words\n", "not a CSV"),
        (b"Path;Edema\na;1\n", "semicolons"),
        (b"Path\tEdema\na\t1\n", "tabs"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "NUL"),
        (b"Path,Edema\na,1\nb\x00,1\n", "row 3"),
        (b"Path,Edema\nb\xe9,1\n", "not UTF-8 text (row 2)"),
        ("Path,Edema\na,1\n".encode("utf-16"), "UTF-16"),
        (gzip.compress(GOOD * 50, mtime=0)[:-20], "cut off"),
        (gzip.compress(GOOD, mtime=0)[:-8] + bytes(8), "broken gzip"),
        (b"Path,Edma\na,1\n", "did you mean 'Edma'"),
        (b"Path,Edema,Edema\na,1,0\n", "twice"),
        (b"Path,Edema\na,1\nb,1,7,8\n", "not a readable CSV"),
        (b"Path,Sex,Edema\na,F,1\nb,F", "the last row has 2 cells of 3"),
    ],
    ids=str,
)
def test_unreadable_tables_are_told(tmp_path: Path, data: bytes, told: str) -> None:
    assert told in str(read(tmp_path, data))


@pytest.mark.parametrize("value", ["2", "yes", "nan", "NaN", "1.5", "inf", "0x1", "-2"])
def test_bad_label_is_told_with_its_place(tmp_path: Path, value: str) -> None:
    error = read(tmp_path, f"Path,Edema\na,1\nb,\nc,{value}\n".encode())
    assert error.where == f"{tmp_path / 't.csv'}, row 4, column 'Edema'"
    assert f"'{value}'" in error.what


def test_row_numbers_count_blank_lines(tmp_path: Path) -> None:
    error = read(tmp_path, b"Path,Edema\na,1\n\nc,no\nd,no\n")
    assert error.where is not None and "row 4," in error.where
    assert "2 such cells" in error.what


def test_missing_file_and_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_table(tmp_path / "x.csv", ["Path"])
    with pytest.raises(UserError, match="a folder"):
        read_table(tmp_path, ["Path"])


def test_reading_forgives_what_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"  # gzipped in spite of its name, with a mark, CRLF, blanks, quotes, no newline
    path.write_bytes(gzip.compress(b'\xef\xbb\xbf"Path",Edema,Age\r\n"a, b", 1 ,7\r\n\r\nc,-1.0,8'))
    frame = parse_labels(read_table(path, ["Path", "Edema"]), ["Edema"])
    assert frame["Path"].to_list() == ["a, b", "c"]
    assert frame["Edema"].to_list() == [1, -1]


@given(st.lists(st.sampled_from([1, 0, -1, None]), min_size=1), st.booleans(), st.booleans())
def test_labels_survive_the_round_trip(
    tmp_path_factory: pytest.TempPathFactory, labels: list[int | None], floats: bool, packed: bool
) -> None:
    path = tmp_path_factory.mktemp("t") / "t.csv"
    cells = ["" if x is None else str(float(x) if floats else x) for x in labels]
    data = "\n".join(["Path,Edema", *(f"p{i},{c}" for i, c in enumerate(cells))]).encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    assert parse_labels(read_table(path, ["Path", "Edema"]), ["Edema"])["Edema"].to_list() == labels


@given(st.binary(min_size=1, max_size=200))
def test_any_bytes_are_text_or_a_user_error(data: bytes) -> None:
    try:
        assert b"\0" not in unpack(data, Path("x"))
    except UserError as e:
        assert str(e).startswith("x: ")
