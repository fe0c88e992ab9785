"""A review as rows of text, one an item and person; and such rows read back, each bad one with a reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nastdata.errors import UserError
from nastdata.review.items import Item
from nastdata.review.questions import VALUES, load_questions
from nastdata.review.store import Answer, ReviewStore, Role
from nastdata.review.web.forms import LONGEST_COMMENT, LONGEST_TEXT, clean_line, clean_text

SHOWN = ("config", "key", "condition", "polarity", "kind", "writer", "texts", "claimed")
"""Columns that are there to be read; ``config`` and ``key`` are compared on the way in."""
REMARKS = ("comment", "corrections", "seconds", "at")
LONGEST_SHOWN = 10_000
"""Characters of a cell that is there to be read; spreadsheets hold 32,767."""
FIRST_SHOWN = 8
"""Bad rows that a message lists."""

Row = dict[str, str]


@dataclass(frozen=True)
class Table:
    """Rows of a sheet; every value is text."""

    columns: tuple[str, ...]
    rows: list[Row]


def list_columns(items: Mapping[int, Item]) -> tuple[str, ...]:
    """Return the columns of a review's sheet."""
    asked = [q for q in load_questions() if any(q in i.questions for i in items.values())]
    return ("item", "reviewer", "role", *SHOWN, *asked, *REMARKS)


def make_table(store: ReviewStore) -> Table:
    """Return a review as a sheet: for every item and person a row, answered or still blank."""
    items, roles = store.read_items(), store.read_reviewers()
    answers = {(a.item, a.reviewer): a for a in store.read_answers()}
    columns = list_columns(items)
    rows = []
    for item in items.values():
        for name, role in roles.items():
            answer = answers.get((item.n, name))
            if answer is not None or role == "reviewer":
                rows.append(_make_row(item, name, role, answer, columns))
    return Table(columns, rows)


def _make_row(item: Item, name: str, role: Role, answer: Answer | None, columns: Sequence[str]) -> Row:
    row = dict.fromkeys(columns, "")
    row |= {"item": str(item.n), "reviewer": name, "role": role}
    row |= {c: getattr(item, c) for c in SHOWN[:-2]}
    row["texts"] = "\n".join(f"{slot}: {text}" for slot, text in item.slots.items())
    row["claimed"] = "\n".join(line.facts for line in item.lines if line.right and line.facts)
    # texts of others may hold what no sheet can; these columns are there to be read
    row |= {c: clean_text(row[c])[:LONGEST_SHOWN] for c in SHOWN}
    if answer is not None:
        row |= answer.values
        row["comment"] = answer.comment
        row["corrections"] = "\n".join(f"{slot}: {text}" for slot, text in answer.corrections.items())
        row["seconds"] = "" if answer.seconds is None else str(answer.seconds)
        row["at"] = answer.at
    return row


@dataclass(frozen=True)
class Imported:
    """What an import did."""

    added: int
    unchanged: int
    blank: int
    people: tuple[str, ...]
    """Those who are new to the review."""


def import_table(
    store: ReviewStore, table: Table, where: str, *, first_row: int = 2, replace: bool = False
) -> Imported:
    """Enter the answers of a sheet; all of them, or none if one row is wrong.

    Args:
        store: the review.
        table: as ``make_table`` makes it; columns may stand in another order.
        where: name of the file, for messages.
        first_row: number of the first row in the file.
        replace: whether an answer that differs from the review's takes its place.

    Raises:
        UserError: naming every wrong row (the first ones in full) with its reason.
    """
    items, roles = store.read_items(), store.read_reviewers()
    _check_columns(table, list_columns(items), where)
    held = store.read_last()
    problems: list[tuple[int, str]] = []
    new: list[Answer] = []
    people: dict[str, Role] = {}
    seen: dict[tuple[int, str], int] = {}
    unchanged = blank = 0
    for at, row in enumerate(table.rows, first_row):
        try:
            answer, role = _read_row(row, items, {**roles, **people})
            mark = (answer.item, answer.reviewer)
            if mark in seen:
                raise ValueError(
                    f"item {answer.item} of '{answer.reviewer}' is there twice (row {seen[mark]} too)"
                )
            seen[mark] = at
            if answer.reviewer not in roles:
                people[answer.reviewer] = role
            known = held.get(mark)
            if not answer.values:
                blank += 1
            elif known is not None and known.given and _same(known, answer):
                unchanged += 1
            elif known is not None and known.given and not replace:
                raise ValueError(
                    f"'{answer.reviewer}' answered item {answer.item} otherwise in the review "
                    f"({_compare(known, answer)}); --replace takes the sheet's"
                )
            else:
                new.append(answer)
        except ValueError as e:
            problems.append((at, str(e)))
    if problems:
        raise UserError(_list_problems(problems, len(table.rows)), where=where, how="nothing was imported")
    store.save_all(new, people)
    return Imported(len(new), unchanged, blank, tuple(people))


def _check_columns(table: Table, wanted: Sequence[str], where: str) -> None:
    lacking = [c for c in wanted if c not in table.columns and c not in SHOWN[2:] and c not in REMARKS]
    strange = [c for c in table.columns if c not in wanted]
    twice = sorted({c for c in table.columns if table.columns.count(c) > 1})
    said = [f"no column '{c}'" for c in lacking] + [f"'{c}' is no column of a review" for c in strange]
    said += [f"column '{c}' is there twice" for c in twice]
    if said:
        how = "start from the file that --export writes; nothing was imported"
        raise UserError("; ".join(said), where=where, how=how)


def _read_row(row: Row, items: Mapping[int, Item], roles: Mapping[str, Role]) -> tuple[Answer, Role]:
    number = row["item"].strip().removesuffix(".0")
    if not (number.isascii() and number.isdigit() and len(number) < 16) or int(number) not in items:
        raise ValueError(f"no item '{row['item']}' in this review")
    item = items[int(number)]
    for column in ("config", "key"):
        if clean_text(row[column]) != clean_text(getattr(item, column))[:LONGEST_SHOWN]:
            raise ValueError(
                f"item {item.n} is {column} '{getattr(item, column)}', not '{row[column]}': another sample?"
            )
    name, role = check_name(row["reviewer"]), row["role"].strip() or "reviewer"
    if role not in ("reviewer", "adjudicator"):
        raise ValueError(f"role '{role}' is neither reviewer nor adjudicator")
    if roles.get(name, role) != role:
        raise ValueError(f"'{name}' is {roles[name]}, not {role}")
    return _read_answer(row, item, name), role  # type: ignore[return-value]


def _read_answer(row: Row, item: Item, name: str) -> Answer:
    known = [q for q in load_questions() if q in row]
    given = {q: row[q].strip().lower() for q in known if row[q].strip()}
    for q, value in given.items():
        if q not in item.questions:
            raise ValueError(f"'{q}' is not asked of item {item.n}")
        if value not in VALUES:
            raise ValueError(f"'{row[q]}' is not an answer to '{q}' (yes, no or unsure)")
    lacking = [q for q in item.questions if q not in given]
    if given and lacking:
        raise ValueError(f"item {item.n} has no answer to {', '.join(lacking)}")
    comment, corrections = clean_text(row.get("comment", "")), _read_corrections(row, item)
    if len(comment) > LONGEST_COMMENT:
        raise ValueError(f"the comment has {len(comment):,} characters; {LONGEST_COMMENT:,} fit")
    if not given and (comment or corrections):
        raise ValueError(f"item {item.n} has a comment or a correction, but no answers")
    seconds = row.get("seconds", "").strip().removesuffix(".0")
    if seconds and not (seconds.isascii() and seconds.isdigit() and len(seconds) < 8):
        raise ValueError(f"'{row['seconds']}' is not a number of seconds")
    return Answer(
        item.n,
        name,
        {q: given[q] for q in item.questions if q in given},
        comment,
        corrections,
        int(seconds) if seconds else None,
        clean_line(row.get("at", ""))[:40],
    )


def _read_corrections(row: Row, item: Item) -> dict[str, str]:
    out = {}
    for line in clean_text(row.get("corrections", "")).splitlines():
        slot, colon, text = line.partition(":")
        slot, text = slot.strip(), clean_line(text)
        if not line.strip():
            continue
        if not colon or slot not in item.slots or not text:
            raise ValueError(
                f"'{line[:60]}' is not a correction: write 'SLOT: text', with one of {', '.join(item.slots)}"
            )
        if len(text) > LONGEST_TEXT:
            raise ValueError(f"the correction of {slot} is longer than {LONGEST_TEXT:,} characters")
        if slot in out:
            raise ValueError(f"{slot} is corrected twice")
        out[slot] = text
    return out


def check_name(name: str) -> str:
    """Return a person's name or initials as written, without blanks around.

    Raises:
        ValueError: if it is blank, too long, or holds line ends.
    """
    clean = clean_line(name)
    if not clean or clean != name.strip() or len(clean) > 60:
        raise ValueError(f"'{name[:60]}' is not a name: 1 to 60 characters in one line")
    return clean


def _same(a: Answer, b: Answer) -> bool:
    return (a.values, a.comment, a.corrections) == (b.values, b.comment, b.corrections)


def _compare(known: Answer, new: Answer) -> str:
    told = [f"{q} {known.values.get(q)}, not {v}" for q, v in new.values.items() if known.values.get(q) != v]
    return ", ".join(told) or "another comment or correction"


def _list_problems(problems: Iterable[tuple[int, str]], rows: int) -> str:
    listed = list(problems)
    shown = "; ".join(f"row {at}: {why}" for at, why in listed[:FIRST_SHOWN])
    more = f"; and {len(listed) - FIRST_SHOWN} more" if len(listed) > FIRST_SHOWN else ""
    return f"{len(listed)} of {rows} rows can't be used: {shown}{more}"
