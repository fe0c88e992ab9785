"""A review as Label Studio's JSON: a task an item, an annotation a person; and read back.

The layout is that of https://labelstud.io/guide/task_format. People are named in a field of their own, since
Label Studio takes ``completed_by`` for the number of one of its users.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from nastdata.errors import UserError
from nastdata.review.exchange.rows import Row, Table, list_columns, make_table
from nastdata.review.items import Item
from nastdata.review.questions import VALUES, load_labels, load_questions
from nastdata.review.store import ReviewStore

SHOWN = "texts"
"""The object tag that all answers belong to."""
FIELDS = ("reviewer", "role", "comment", "corrections", "at")
"""Columns that are free text in Label Studio."""


def write_tasks(store: ReviewStore) -> bytes:
    """Return a review's tasks with their annotations."""
    table = make_table(store)
    questions = [q for q in load_questions() if q in table.columns]
    tasks: dict[str, dict[str, Any]] = {}
    for row in table.rows:
        data = {
            c: row[c]
            for c in ("config", "key", "condition", "polarity", "kind", "writer", "texts", "claimed")
        }
        task = tasks.setdefault(
            row["item"], {"id": int(row["item"]), "data": {"item": int(row["item"]), **data}}
        )
        task.setdefault("annotations", [])
        if any(row[q] for q in questions):
            task["annotations"].append(_make_annotation(row, questions))
    return (json.dumps(list(tasks.values()), indent=1, ensure_ascii=False) + "\n").encode()


def _make_annotation(row: Row, questions: list[str]) -> dict[str, Any]:
    result = [
        _result(q, "choices", {"choices": [row[q]]}) for q in questions if row[q]
    ]  # fmt: skip
    result += [_result(f, "textarea", {"text": [row[f]]}) for f in FIELDS if row[f]]
    made: dict[str, Any] = {"result": result, "was_cancelled": False, "ground_truth": False}
    if row["seconds"]:
        made["lead_time"] = int(row["seconds"])
    return made


def _result(name: str, kind: str, value: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": name, "from_name": name, "to_name": SHOWN, "type": kind, "value": dict(value)}


def write_interface(items: Mapping[int, Item]) -> str:
    """Return the labeling interface that shows these tasks."""
    known, labels = load_questions(), load_labels()
    asked = [q for q in known if any(q in i.questions for i in items.values())]
    lines = [
        "<View>",
        f'  <Text name="{SHOWN}" value="$texts"/>',
        '  <Text name="claimed" value="$claimed"/>',
    ]
    for q in asked:
        lines.append(f"  <Header value={quoteattr(known[q].ask)}/>")
        lines.append(f'  <Choices name="{q}" toName="{SHOWN}" choice="single" showInline="true">')
        lines += [
            f"    <Choice value={quoteattr(v)} alias={quoteattr(v)} hint={quoteattr(labels[v])}/>"
            for v in VALUES
        ]
        lines.append("  </Choices>")
    for f in FIELDS:
        lines.append(f"  <Header value={quoteattr(escape(f))}/>")
        lines.append(f'  <TextArea name="{f}" toName="{SHOWN}" rows="1" maxSubmissions="1" editable="true"/>')
    return "\n".join([*lines, "</View>"]) + "\n"


def read_tasks(data: bytes, items: Mapping[int, Item], where: str) -> Table:
    """Read tasks with annotations; rows are numbered as annotations are, from 1.

    Raises:
        UserError: if it is no such JSON, naming task and annotation.
    """
    try:
        tasks = json.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError) as e:
        raise UserError(f"not readable JSON ({str(e).splitlines()[0]})", where=where) from e
    if not isinstance(tasks, list):
        raise UserError(
            "not a list of tasks", where=where, how="export the project from Label Studio as JSON"
        )
    columns = list_columns(items)
    rows = []
    for at, task in enumerate(tasks, 1):
        about = task.get("data") if isinstance(task, dict) else None
        notes = task.get("annotations", []) if isinstance(task, dict) else None
        if not isinstance(about, dict) or not isinstance(notes, list):
            raise UserError(f"task {at} has no 'data' or no list of 'annotations'", where=where)
        for k, note in enumerate(notes, 1):
            if isinstance(note, dict) and note.get("was_cancelled"):
                continue
            row = dict.fromkeys(columns, "")
            row |= {c: str(about[c]) for c in columns if c in about}
            try:
                row |= _read_annotation(note, columns)
            except (KeyError, TypeError, ValueError, AttributeError, IndexError) as e:
                raise UserError(
                    f"task {at}, annotation {k}: not of Label Studio's form ({e})",
                    where=where,
                    how="nothing was imported",
                ) from e
            rows.append(row)
    return Table(columns, rows)


def _read_annotation(note: Mapping[str, Any], columns: tuple[str, ...]) -> Row:
    row: Row = {}
    for result in note["result"]:
        name, value = result["from_name"], result["value"]
        if name not in columns:
            raise ValueError(f"'{name}' is not a question of this review")
        found = value["choices"] if result["type"] == "choices" else value["text"]
        if result["type"] == "choices" and len(found) != 1:
            raise ValueError(f"'{name}' has {len(found)} answers")
        row[name] = found if isinstance(found, str) else "\n".join(map(str, found))
    if note.get("lead_time") is not None:
        row["seconds"] = str(round(float(note["lead_time"])))
    if not row.get("reviewer"):
        by = note.get("completed_by")
        by = by.get("email") or by.get("id") if isinstance(by, dict) else by
        if by is None:
            raise ValueError("nobody is named as reviewer")
        row["reviewer"] = f"user {by}" if isinstance(by, int) else str(by)
    return row
