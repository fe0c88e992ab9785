"""Export a review to a file and import one, by the file's ending."""

from __future__ import annotations

from pathlib import Path

from nastdata.dataset.atomic import write_file
from nastdata.errors import UserError
from nastdata.review.exchange.files import read_csv, read_file, read_xlsx, write_csv, write_xlsx
from nastdata.review.exchange.label_studio import read_tasks, write_interface, write_tasks
from nastdata.review.exchange.rows import Imported, import_table, make_table
from nastdata.review.store import ReviewStore

ENDINGS = (".csv", ".xlsx", ".json")


def export_review(store: ReviewStore, path: Path) -> tuple[Path, ...]:
    """Write all answers to a file; with ``.json``, Label Studio's labeling interface beside it.

    Returns:
        The files written.

    Raises:
        UserError: if the ending is none of ``ENDINGS``, or the place can't be written.
    """
    ending = _find_ending(path)
    if not path.parent.is_dir():
        raise UserError("no such folder", where=str(path.parent))
    if ending == ".json":
        interface = path.with_name(f"{path.stem}.interface.xml")
        write_file(path, write_tasks(store))
        write_file(interface, write_interface(store.read_items()).encode())
        return path, interface
    table = make_table(store)
    write, read = (write_csv, read_csv) if ending == ".csv" else (write_xlsx, read_xlsx)
    content = write(table)
    back = read(content, str(path))
    if back != table:
        at = next((i for i, (a, b) in enumerate(zip(table.rows, back.rows, strict=False), 2) if a != b), 0)
        raise UserError(
            f"row {at} holds characters that this format can't keep", where=str(path), how="export as .csv"
        )
    write_file(path, content)
    return (path,)


def import_review(store: ReviewStore, path: Path, *, replace: bool = False) -> Imported:
    """Enter the answers of a file that ``export_review`` wrote and people filled in.

    Raises:
        UserError: if a row is wrong; then nothing is entered.
    """
    ending, data = _find_ending(path), read_file(path)
    if ending == ".json":
        table = read_tasks(data, store.read_items(), str(path))
        return import_table(store, table, str(path), first_row=1, replace=replace)
    table = (read_csv if ending == ".csv" else read_xlsx)(data, str(path))
    return import_table(store, table, str(path), replace=replace)


def _find_ending(path: Path) -> str:
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise UserError(
            f"'{ending}' is not written or read", where=str(path), how="use " + ", ".join(ENDINGS)
        )
    return ending
