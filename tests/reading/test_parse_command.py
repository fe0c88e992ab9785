"""``nastdata parse`` as a user calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

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
    assert rows[0]["facts"] == [
        {
            "condition": "Pleural Effusion",
            "existence": "absent",
            "location": "left",
            "severity": "large",
            "not_location": None,
            "not_severity": None,
        }
    ]
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


def test_unknown_ontology(run: Run) -> None:
    done = run("parse", "--ontology", "nosuch", input="")
    assert done.returncode == 2
    assert "no such ontology" in done.stderr
