"""``nastdata parse`` as a user calls it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_json_lines(run: Run) -> None:
    text = "No large left effusion.\n\nConsolidation is not in the RLL.\r\nzzz"
    done = run("parse", "--json", input=text)
    assert done.returncode == 0
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [r["text"] for r in rows] == [
        "No large left effusion.",
        "",
        "Consolidation is not in the RLL.",
        "zzz",
    ]
    assert [r["labels"] for r in rows] == [{"Pleural Effusion": 0}, {}, {"Consolidation": 1}, {}]
    (fact,) = rows[0]["facts"]
    assert fact == {
        "condition": "Pleural Effusion",
        "existence": "absent",
        "location": "left",
        "severity": "large",
        "not_location": None,
        "not_severity": None,
        "side": "left",
        "time": "now",
        "certainty": "definite",
        "section": None,
        "sentence": 0,
        "sentence_span": fact["sentence_span"],
        "qualifier": "large",
        "start": 14,
        "end": 22,
    }
    (fact,) = rows[2]["facts"]
    assert (fact["location"], fact["not_location"]) == (None, "right lower lobe")


def test_plain_lines(run: Run) -> None:
    done = run("parse", input="The effusion is not large.\n")
    assert done.stdout == "The effusion is not large.\n    Pleural Effusion present (not large)\n"


def test_each_line_is_answered_at_once() -> None:
    command = [sys.executable, "-m", "nastdata", "parse", "--json"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("No edema.\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["labels"] == {"Edema": 0}
        process.stdin.close()
        assert process.wait(30) == 0


def test_bad_bytes() -> None:
    command = [sys.executable, "-m", "nastdata", "parse"]
    done = subprocess.run(command, input=b"No edema.\n\xff\xfe\n", capture_output=True, check=False)
    assert done.returncode == 2
    assert b"stdin, line 2: not UTF-8" in done.stderr
    assert b"Traceback" not in done.stderr


RECORDS = [
    {"id": 7, "report": "FINDINGS:\nNo edema.\r\nSmall left effusion.", "more": {"a": [1, None]}},
    {"id": "8", "report": "Mild cardiomegaly.", "labels": {"Edema": 1}},
    {"id": 9, "report": ""},
]


def test_records_in_records_out(run: Run) -> None:
    done = run(
        "parse", "--report", "--text-key", "report", input="".join(json.dumps(r) + "\n" for r in RECORDS)
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == len(RECORDS)
    assert rows[0]["report"] == rows[0]["text"] == RECORDS[0]["report"]
    assert (rows[0]["id"], rows[0]["more"]) == (7, {"a": [1, None]})
    assert rows[0]["labels"] == {"Edema": 0, "Pleural Effusion": 1}
    assert rows[1]["labels"] == {"Cardiomegaly": 1}
    assert rows[1]["input"] == {"labels": {"Edema": 1}}  # a key that the reading uses is kept apart
    assert rows[2]["facts"] == []
    assert "3 texts; unread: 0 of " in done.stderr
    again = run("parse", "--report", "--text-key", "report", input=done.stdout)
    assert [json.loads(line)["facts"] for line in again.stdout.splitlines()] == [r["facts"] for r in rows]


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "tsv", "parquet", "jsonl.gz"])
def test_tables_of_every_kind(run: Run, tmp_path: Path, kind: str) -> None:
    import gzip

    import polars as pl

    texts = ["No edema.\nSmall left effusion, stable.", 'The "heart" is enlarged.']
    frame = pl.DataFrame({"id": ["a", "b"], "report": texts})
    path = tmp_path / f"reports.{kind}"
    if kind == "jsonl.gz":
        path.write_bytes(gzip.compress(frame.write_ndjson().encode()))
    elif kind == "tsv":
        frame.write_csv(path, separator="\t")
    else:
        getattr(frame, {"jsonl": "write_ndjson", "json": "write_json"}.get(kind, f"write_{kind}"))(path)
    done = run("parse", "--report", "--text-key", "report", str(path))
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(r["id"], r["report"]) for r in rows] == list(zip("ab", texts, strict=True))
    assert [r["labels"] for r in rows] == [{"Edema": 0, "Pleural Effusion": 1}, {"Cardiomegaly": 1}]


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        ([{"id": "s1", "text": "No edema."}], ["s1"]),
        ({"s1": "No edema.", "s2": "Edema."}, ["s1", "s2"]),
        ({"s1": {"text": "No edema."}, "s2": {"text": "Edema."}}, ["s1", "s2"]),
        ({"id": "s1", "text": "No edema."}, ["s1"]),
        ({"model": "m", "outputs": [{"id": "s1", "text": "No edema."}]}, ["s1"]),
    ],
)
def test_forms_of_a_json_file(run: Run, tmp_path: Path, value: object, ids: list[str]) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(value))
    done = run("parse", "--text-key", "text", str(path))
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ids, done.stderr


def test_reports_in_files_folders_and_globs(run: Run, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.txt").write_text("No edema.\n", encoding="utf-8-sig")
    (tmp_path / "deep" / "b.txt").write_bytes(b"FINDINGS: No\r\npneumothorax.\r\n")
    for paths in ([tmp_path], [tmp_path / "a.txt", tmp_path / "deep" / "*.txt"], [tmp_path / "**" / "*.txt"]):
        done = run("parse", "--report", "--json", *map(str, paths))
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        assert [(Path(r["file"]).name, r["labels"]) for r in rows] == [
            ("a.txt", {"Edema": 0}),
            ("b.txt", {"Pneumothorax": 0}),
        ], done.stderr
    done = run("parse", "--json", str(tmp_path / "a.txt"))
    assert json.loads(done.stdout)["line"] == 1


GOOD_LINE = b'{"text": "No edema."}\n'


@pytest.mark.parametrize(
    ("content", "args", "where", "what"),
    [
        (GOOD_LINE * 6 + b'{"text": "No\n', ["--text-key", "text"], "line 7", "not JSON"),
        (
            GOOD_LINE + b"\n" + b'{"txt": "No edema."}\n',
            ["--text-key", "text"],
            "line 3",
            "did you mean 'txt'",
        ),
        (GOOD_LINE + b'{"text": null}\n', ["--text-key", "text"], "line 2", "null, not a text"),
        (GOOD_LINE + b'{"text": ["a"]}\n', ["--text-key", "text"], "line 2", "a list, not a text"),
        (GOOD_LINE + b"[1]\n", ["--text-key", "text"], "line 2", "a list, where an object"),
        (b"[" * 100_000 + b"\n", ["--text-key", "text"], "line 1", "nested too deeply"),
        (b"No edema.\nNo \xe9dema.\n", [], "line 2", "not UTF-8 (byte 4)"),
        ("No edema.\n".encode("utf-16"), [], "line 1", "UTF-16"),
        (b"No edema.\nNo\0edema\n", [], "line 2", "NUL byte (byte 3)"),
        (b"", [], "stdin", "nothing in it"),
        (b"", ["--report"], "stdin", "nothing in it"),
        (b" \n \n", ["--report"], "stdin", "nothing in it"),
        (b"\n\n", ["--text-key", "text"], "stdin", "no records"),
    ],
)
def test_unusable_input_is_reported_with_its_line(
    content: bytes, args: list[str], where: str, what: str
) -> None:
    command = [sys.executable, "-m", "nastdata", "parse", "--json", *args]
    done = subprocess.run(command, input=content, capture_output=True, check=False)
    said = done.stderr.decode()
    assert done.returncode == 2
    assert where in said and what in said, said
    assert "Traceback" not in said and len(said.splitlines()) <= 2


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.csv", b"id,text\n1,No edema, no effusion.\n", "line 2: 3 cells, where the header has 2"),
        ("a.csv", b'id,text\n1,"No edema.\n2,No effusion.\n', "line 2: a cell without its closing quote"),
        ("a.csv", b"id,text\n", "no rows below the header"),
        ("a.csv", b"id,id,text\n1,1,a\n", "two columns of the name 'id'"),
        ("a.csv", b"", "nothing in it"),
        ("a.csv", b"id,report\n1,a\n", "line 2: no key 'text'"),
        ("a.parquet", b"PAR1", "not readable as Parquet"),
        ("a.jsonl.gz", b"\x1f\x8b\x08\0\0\0", "broken gzip"),
        ("a.json", b"{'a': 1}", "not JSON"),
        ("a.json", b"[]", "no records"),
        ("a.docx", b"PK", "not a table"),
    ],
)
def test_unusable_files_are_reported(run: Run, tmp_path: Path, name: str, content: bytes, what: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    done = run("parse", "--text-key", "text", str(path))
    assert done.returncode == 2
    assert str(path) in done.stderr and what in done.stderr, done.stderr
    assert "Traceback" not in done.stderr and done.stdout == ""


def test_a_line_of_200_megabytes_is_refused_in_little_memory() -> None:
    code = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1_500_000_000,) * 2)\n"
        "from nastdata.cli import main\nmain(['parse', '--json'])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as process:
        assert process.stdin is not None and process.stderr is not None
        with contextlib.suppress(BrokenPipeError):
            for _ in range(200):
                process.stdin.write(b"No edema. " * 100_000)
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        said = process.stderr.read().decode()
        assert process.wait(60) == 2, said
    assert "line 1: a line of more than 16 MB" in said


def test_missing_files_and_keys_of_tables(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text\n1,No edema.\n")
    for args, what in (
        (["nosuch.txt"], "no such file"),
        (["no*.txt"], "no such file"),
        (["a.csv"], "--text-key KEY"),
        ([str(tmp_path)], "no file of the kind .txt"),
    ):
        done = run("parse", *args, cwd=tmp_path)
        assert (done.returncode, what in done.stderr) == (2, True), done.stderr


def test_unknown_ontology(run: Run) -> None:
    done = run("parse", "--ontology", "nosuch", input="")
    assert done.returncode == 2
    assert "no such ontology" in done.stderr
