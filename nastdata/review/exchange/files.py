"""Sheets as files: CSV and XLSX, written so that reading gives back exactly what was there."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from pathlib import Path
from typing import Any

from nastdata.errors import UserError
from nastdata.review.exchange.rows import Row, Table
from nastdata.review.extras import need

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
"""A cell that begins so may run as a formula in a spreadsheet; it is written with an apostrophe before it."""
ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
"""What a spreadsheet would take for the code of a character; its underscore is written as a code itself."""
CODE = re.compile(r"_x([0-9A-Fa-f]{4})_")
MAX_BYTES = 100_000_000
WIDTHS = {"texts": 60, "claimed": 30, "comment": 40, "corrections": 40, "key": 22}


def write_csv(table: Table) -> bytes:
    """Return a sheet as CSV: UTF-8 with a byte order mark, which spreadsheets need to see it as such."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writerow(table.columns)
    writer.writerows([_guard(row[c]) for c in table.columns] for row in table.rows)
    return out.getvalue().encode("utf-8-sig")


def read_csv(data: bytes, where: str) -> Table:
    """Read a sheet from CSV; commas, semicolons (as spreadsheets in some countries write) or tabs.

    Raises:
        UserError: if it is no CSV in UTF-8.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise UserError(
            f"not UTF-8 text ({e.reason})", where=where, how="save it as 'CSV UTF-8', or as .xlsx"
        ) from e
    head = text.splitlines()[0] if text else ""
    separator = max(",;\t", key=head.count)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as e:
        raise UserError(f"not a readable CSV file ({e})", where=where) from e
    return _make_table([[_unguard(v) for v in line] for line in lines], where)


def write_xlsx(table: Table) -> bytes:
    """Return a sheet as XLSX; every cell is text, so that nothing runs as a formula or turns into a date."""
    openpyxl = need("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "review"
    for r, values in enumerate([table.columns, *([row[c] for c in table.columns] for row in table.rows)], 1):
        for c, value in enumerate(values, 1):
            cell = sheet.cell(r, c)
            if value:
                cell.value = ESCAPED.sub("_x005F_", value)
                cell.data_type = "s"
                cell.number_format = "@"
                cell.alignment = openpyxl.styles.Alignment(wrap_text=True, vertical="top")
    for c, name in enumerate(table.columns, 1):
        letter = openpyxl.utils.get_column_letter(c)
        sheet.column_dimensions[letter].width = WIDTHS.get(name, 14)
        sheet.cell(1, c).font = openpyxl.styles.Font(bold=True)
    sheet.freeze_panes = "D2"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def read_xlsx(data: bytes, where: str) -> Table:
    """Read a sheet from the first worksheet of an XLSX file.

    Raises:
        UserError: if it is none.
    """
    openpyxl = need("openpyxl")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            size = sum(i.file_size for i in packed.infolist())
        if size > 10 * MAX_BYTES:
            raise UserError("unpacks to more than a review can hold", where=where)
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        sheet = book.worksheets[0]
        lines = [[_decode(_tell(v)) for v in line] for line in sheet.iter_rows(values_only=True)]
        book.close()
    except UserError:
        raise
    except Exception as e:  # openpyxl raises whatever its parsers raise
        reason = str(e).splitlines()[0] if str(e) else type(e).__name__
        raise UserError(f"not a readable XLSX file ({reason})", where=where) from e
    while lines and not any(lines[-1]):
        lines.pop()
    return _make_table(lines, where)


def read_file(path: Path) -> bytes:
    """Return the content of a file to import.

    Raises:
        UserError: if it can't be read or is too large.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError("too large for a review", where=str(path))
        return path.read_bytes()
    except OSError as e:
        raise UserError(f"can't be read ({e.strerror})", where=str(path)) from e


def _make_table(lines: list[list[str]], where: str) -> Table:
    if not lines or not any(lines[0]):
        raise UserError("an empty sheet", where=where, how="the first row has the names of the columns")
    columns = tuple(c.strip() for c in lines[0])
    while columns and not columns[-1]:
        columns = columns[:-1]
    rows: list[Row] = []
    for at, line in enumerate(lines[1:], 2):
        if len(line) < len(columns) or any(line[len(columns) :]):
            raise UserError(
                f"row {at} has {len(line)} cells, the first row names {len(columns)} columns",
                where=where,
                how="nothing was imported",
            )
        rows.append(dict(zip(columns, line, strict=False)))
    return Table(columns, rows)


def _guard(value: str) -> str:
    return f"'{value}" if value.startswith(FORMULA) else value


def _unguard(value: str) -> str:
    return value[1:] if value.startswith("'") and value[1:].startswith(FORMULA) else value


def _decode(text: str) -> str:
    """Resolve codes of characters (ECMA-376, ST_Xstring), which openpyxl leaves as they are."""
    return CODE.sub(lambda found: chr(int(found[1], 16)), text)


def _tell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
