"""Sheets: exactly what was there comes back, and a wrong row is refused with its number and reason."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from review_stores import GOOD, QUESTIONS, make_store

from nastdata.errors import UserError
from nastdata.review.exchange.files import read_csv, read_xlsx, write_csv, write_xlsx
from nastdata.review.exchange.label_studio import read_tasks, write_interface, write_tasks
from nastdata.review.exchange.rows import Table, import_table, list_columns, make_table
from nastdata.review.exchange.run import export_review, import_review
from nastdata.review.store import Answer, ReviewStore
from nastdata.review.web.forms import clean_line, clean_text


@pytest.fixture
def store(tmp_path: Path) -> ReviewStore:
    return make_store(tmp_path / "review.sqlite")


ANY = st.text(st.characters(codec="utf-8"), max_size=60) | st.sampled_from(
    ["=1+1", "'=1", "-5", "+x", "@x", "a\nb", "_x0041_", "1e5", "2026-11-28", "TRUE", "'", "''=", "\ufeffx"]
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(ANY, ANY, st.none() | st.integers(0, 600)), min_size=1, max_size=3))
@pytest.mark.parametrize("kind", ["csv", "xlsx", "json"])
def test_what_goes_out_comes_in(
    tmp_path_factory: pytest.TempPathFactory, kind: str, said: list[tuple[str, str, int | None]]
) -> None:
    folder = tmp_path_factory.mktemp("round")
    store, again = make_store(folder / "a.sqlite"), make_store(folder / "b.sqlite")
    for n, (comment, better, seconds) in enumerate(said, 1):
        corrections = {"A.negated": text} if (text := clean_line(better)) else {}
        values = GOOD if n % 2 else {**GOOD, "second": "unsure"}
        answer = Answer(n, "AB", values, clean_text(comment), corrections, seconds, "2026-11-28T10:00:00Z")
        store.save(answer)
    out = folder / f"table.{kind}"
    export_review(store, out)
    done = import_review(again, out)
    assert done.added == len(said)
    strip = [
        (a.item, a.reviewer, a.values, a.comment, a.corrections, a.seconds, a.at)
        for a in store.read_answers()
    ]
    back = [
        (a.item, a.reviewer, a.values, a.comment, a.corrections, a.seconds, a.at)
        for a in again.read_answers()
    ]
    assert back == strip
    assert make_table(again) == make_table(store)
    assert import_review(again, out).unchanged == len(said)
    store.close()
    again.close()


Change = Callable[[list[dict[str, str]]], Any]
WRONG: dict[str, tuple[Change, str]] = {
    "no such item": (lambda r: r[0].update(item="99"), "row 2: no item '99'"),
    "item is text": (lambda r: r[0].update(item="one"), "row 2: no item 'one'"),
    "another key": (lambda r: r[1].update(key="mn-77"), "row 3: item 1 is key 'mn-1', not 'mn-77'"),
    "another config": (lambda r: r[1].update(config="probes"), "row 3: item 1 is config 'mednega'"),
    "no such answer": (lambda r: r[0].update(true="maybe"), "row 2: 'maybe' is not an answer to 'true'"),
    "half answered": (lambda r: r[0].update(second=""), "row 2: item 1 has no answer to second"),
    "twice": (lambda r: r[1].update(reviewer="AB"), "row 3: item 1 of 'AB' is there twice (row 2 too)"),
    "no reviewer": (lambda r: r[0].update(reviewer="  "), "row 2: '  ' is not a name"),
    "role": (lambda r: r[0].update(role="boss"), "row 2: role 'boss'"),
    "another role": (lambda r: r[0].update(role="adjudicator"), "row 2: 'AB' is reviewer, not adjudicator"),
    "correction of nothing": (lambda r: r[0].update(corrections="Z: x"), "row 2: 'Z: x' is not a correction"),
    "blank correction": (lambda r: r[0].update(corrections="A.negated:"), "is not a correction"),
    "corrected twice": (lambda r: r[0].update(corrections="A.negated: x\nA.negated: y"), "corrected twice"),
    "long comment": (lambda r: r[0].update(comment="x" * 4001), "row 2: the comment has 4,001 characters"),
    "seconds": (lambda r: r[0].update(seconds="-3"), "row 2: '-3' is not a number of seconds"),
    "comment alone": (
        lambda r: r[1].update(dict.fromkeys(QUESTIONS, ""), comment="x"), "row 3: item 1 has a comment"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_wrong_row_is_refused_with_its_number_and_reason(
    store: ReviewStore, tmp_path: Path, name: str, kind: str
) -> None:
    table = make_table(store)
    for row in table.rows:
        row |= GOOD
    change, said = WRONG[name]
    change(table.rows)
    path = tmp_path / f"wrong.{kind}"
    path.write_bytes((write_csv if kind == "csv" else write_xlsx)(table))
    with pytest.raises(UserError) as refused:
        import_review(store, path)
    assert said in str(refused.value) and "nothing was imported" in str(refused.value)
    assert store.read_answers() == []


def test_all_wrong_rows_are_counted(store: ReviewStore) -> None:
    table = make_table(store)
    for row in table.rows:
        row |= {**GOOD, "true": "perhaps"}
    with pytest.raises(UserError, match=r"6 of 6 rows can't be used: row 2: .*row 7: "):
        import_table(store, table, "x.csv")


def test_another_answer_in_the_review_is_not_overwritten_unasked(store: ReviewStore) -> None:
    store.save(Answer(1, "AB", GOOD))
    table = make_table(store)
    table.rows[0]["second"] = "yes"
    with pytest.raises(UserError, match=r"answered item 1 otherwise in the review \(second no, not yes\)"):
        import_table(store, table, "x.csv")
    assert import_table(store, table, "x.csv", replace=True).added == 1
    assert store.read_answers()[0].values["second"] == "yes"


def test_columns_are_those_of_a_review(store: ReviewStore) -> None:
    table = make_table(store)
    for change, said in (
        (lambda c: [x for x in c if x != "true"], "no column 'true'"),
        (lambda c: [*c, "truth"], "'truth' is no column"),
    ):
        columns = tuple(change(list(table.columns)))
        rows = [{c: r.get(c, "") for c in columns} for r in table.rows]
        with pytest.raises(UserError, match=said):
            import_table(store, Table(columns, rows), "x.csv")
    shuffled = Table(tuple(reversed(table.columns)), table.rows)
    assert import_table(store, shuffled, "x.csv").blank == 6


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty sheet"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b'item,reviewer\r\n1,"open', "not a readable CSV"),
        (b"item,reviewer\r\n1\r\n", "row 2 has 1 cells"),
    ],
)
def test_files_that_are_no_sheets(content: bytes, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_csv(content, "x.csv")


def test_spreadsheets_of_other_countries_write_semicolons(store: ReviewStore) -> None:
    table = make_table(store)
    lines = [";".join(f'"{c}"' for c in table.columns)]
    lines += [";".join('"' + r[c].replace('"', '""') + '"' for c in table.columns) for r in table.rows]
    assert read_csv(("\r\n".join(lines) + "\r\n").encode("utf-8-sig"), "x.csv") == table


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nothing", b"<html>"])
def test_files_that_are_no_workbooks(content: bytes) -> None:
    with pytest.raises(UserError, match="not a readable XLSX"):
        read_xlsx(content, "x.xlsx")


def test_nothing_runs_as_a_formula(store: ReviewStore, tmp_path: Path) -> None:
    import openpyxl

    store.save(Answer(1, "AB", GOOD, comment="=HYPERLINK(0)"))
    export_review(store, tmp_path / "t.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "t.xlsx").worksheets[0]
    assert {c.data_type for row in sheet.iter_rows() for c in row if c.value is not None} == {"s"}
    export_review(store, tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(encoding="utf-8-sig", newline="") as file:
        assert next(csv.DictReader(file))["comment"] == "'=HYPERLINK(0)"


def test_label_studio_gets_tasks_and_an_interface(store: ReviewStore) -> None:
    from defusedxml import ElementTree

    store.save(Answer(1, "AB", GOOD, comment="c", seconds=7))
    tasks = json.loads(write_tasks(store))
    assert [t["id"] for t in tasks] == [1, 2, 3] and [len(t["annotations"]) for t in tasks] == [1, 0, 0]
    found = {r["from_name"]: r["value"] for r in tasks[0]["annotations"][0]["result"]}
    assert found["true"] == {"choices": ["yes"]} and found["comment"] == {"text": ["c"]}
    interface = ElementTree.fromstring(write_interface(store.read_items()))
    names = {e.get("name") for e in interface.iter() if e.get("name")}
    assert set(found) <= names
    assert {r["to_name"] for r in tasks[0]["annotations"][0]["result"]} <= names
    values = {e.get("value")[1:] for e in interface.iter("Text")}
    assert values <= set(tasks[0]["data"])


def test_answers_that_label_studio_made_come_in(store: ReviewStore) -> None:
    """Its own export: ids of its users, more keys than ours, an annotation that was cancelled."""
    tasks = json.loads(write_tasks(store))
    result = [
        {"id": "a1", "from_name": q, "to_name": "texts", "type": "choices", "value": {"choices": [v]},
         "origin": "manual"} for q, v in GOOD.items()
    ]  # fmt: skip
    tasks[0] |= {"file_upload": "x.json", "project": 3}
    tasks[0]["annotations"] = [
        {"id": 5, "completed_by": 12, "result": result, "was_cancelled": False, "lead_time": 3.4},
        {"id": 6, "completed_by": {"email": "ef@example.org", "id": 13}, "result": result},
        {"id": 7, "completed_by": 14, "result": [], "was_cancelled": True},
    ]
    done = import_table(
        store, read_tasks(json.dumps(tasks).encode(), store.read_items(), "x"), "x", first_row=1
    )
    assert (done.added, done.people) == (2, ("user 12", "ef@example.org"))
    assert {(a.reviewer, a.seconds) for a in store.read_answers()} == {
        ("user 12", 3),
        ("ef@example.org", None),
    }


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{}", "not a list of tasks"),
        (b"[", "not readable JSON"),
        (b"[1]", "task 1 has no 'data'"),
        (b'[{"data": {}, "annotations": [{"result": 3}]}]', "task 1, annotation 1"),
        (
            b'[{"data": {}, "annotations": [{"result": [{"from_name": "x", "value": {}}]}]}]',
            "'x' is not a question",
        ),
        (b'[{"data": {"item": 1}, "annotations": [{"result": []}]}]', "nobody is named"),
    ],
)
def test_json_that_is_no_label_studio_export(store: ReviewStore, data: bytes, said: str) -> None:
    with pytest.raises(UserError, match=said):
        import_table(store, read_tasks(data, store.read_items(), "x"), "x")


def test_the_columns_are_named_in_the_docs() -> None:
    text = (Path(__file__).parents[2] / "docs" / "review.md").read_text()
    store_columns = ("item", "reviewer", "role", "comment", "corrections", "seconds", "at")
    assert all(f"`{c}`" in text for c in store_columns)
    assert list_columns({})[:3] == ("item", "reviewer", "role")
