"""One column that lists what there is, between separators or as a JSON or Python list."""

from __future__ import annotations

import ast
import json
from typing import Any

import polars as pl

from nastdata.sources.own.keys import MARK, WHY
from nastdata.sources.own.label_settings import ListLabels, Target
from nastdata.sources.own.layouts.base import DETAILS, ID, NOT_UNDERSTOOD, Layout, Said
from nastdata.sources.own.words import CODES, fold
from nastdata.sources.studies import NO_FINDING


class ListLayout(Layout):
    """Reads a list column."""

    def read(self, frame: pl.DataFrame) -> Said:
        """Read rows that ``keys.read_keys`` has been over; each distinct cell is read once."""
        labels = self.labels
        assert isinstance(labels, ListLabels)
        names = {fold(k): (k, t) for k, t in labels.names.items()}
        column = pl.col(labels.column)
        counted = frame[labels.column].value_counts()
        rows: list[dict[str, Any]] = []
        parts: list[tuple[Any, ...]] = []
        for cell, n in counted.iter_rows():
            said = self._read_cell(cell, names, labels)
            for word in said.pop("#words"):
                self.seen[word] = self.seen.get(word, 0) + n
            parts += [(cell, *d) for d in said.pop("#details")]
            rows.append({labels.column: cell, **said})
        schema: dict[str, Any] = {labels.column: pl.String, "#bad": pl.String, NO_FINDING: pl.Boolean}
        schema |= dict.fromkeys(self.conditions, pl.Int8)
        known = pl.DataFrame(rows, schema=schema)
        frame = frame.join(known, on=labels.column, how="left", nulls_equal=True, maintain_order="left")
        frame = frame.with_columns(pl.coalesce(WHY, "#bad").alias(WHY))
        detail: dict[str, Any] = {labels.column: pl.String}
        detail |= {k: v for k, v in DETAILS.items() if k != ID}
        details = pl.DataFrame(parts, schema=detail, orient="row")
        joined = frame.filter(pl.col(WHY).is_null()).select(ID, column).join(details, on=labels.column)
        frame = self.say_nothing_found(frame)
        if labels.unlisted == "absent":
            listed = column.is_not_null() if self.settings.values.blank != "absent" else pl.lit(True)
            frame = frame.with_columns(self.fill_absent(frame.columns, listed))
        return Said(self.keep(frame), joined.select(list(DETAILS)))

    def _read_cell(
        self, cell: str | None, names: dict[str, tuple[str, Target]], labels: ListLabels
    ) -> dict[str, Any]:
        out: dict[str, Any] = {"#bad": None, NO_FINDING: False, "#words": [], "#details": []}
        where = f"column '{labels.column}': "
        words = split_cell(cell, labels.separator)
        if words is None:
            out["#bad"] = f"{where}not a list{MARK}{(cell or '')[:120]}"
            return out
        for word in words:
            if fold(word) not in names:
                if self.meanings.find(word) == "not_mentioned":
                    continue
                if labels.unknown == "ignore":
                    self.ignored[word] = self.ignored.get(word, 0) + 1
                    continue
                hint = _find_inside(word, names, labels.separator)
                out["#bad"] = f"{where}{NOT_UNDERSTOOD}{MARK}{word[:120]}{hint}"
                return out
            name, target = names[fold(word)]
            out["#words"].append(name)
            if target.special == "nothing_found":
                out[NO_FINDING] = True
            elif target.special is None and not self._add(out, target):
                out["#bad"] = f"{where}a finding both said and denied{MARK}{(cell or '')[:120]}"
                return out
        return out

    def _add(self, out: dict[str, Any], target: Target) -> bool:
        """Add what a word says; False if another word of the cell says the opposite."""
        condition = str(target.condition)
        code = CODES[target.means]
        if code is None:
            return True
        detailed = bool(target.place or target.grade)
        if detailed and code != -1:
            location, severity, _, _ = self.read_triple(condition, None, None, None, target)
            existence = "present" if code == 1 else "absent"
            out["#details"].append((condition, existence, location, severity))
            if code == 0:
                return True
        known = out.get(condition)
        if known is not None and {known, code} == {0, 1}:
            return False
        if known is None or code == 1:
            out[condition] = code
        return True


def split_cell(cell: str | None, separator: str) -> list[str] | None:
    """Return the words of a list cell; None if it is no list though it should be."""
    if cell is None:
        return []
    if separator != "list":
        return [w.strip() for w in cell.split(separator) if w.strip()]
    if not cell.startswith(("[", "(", "{")):
        return [cell.strip("'\" ")]
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        try:
            value = ast.literal_eval(cell) if len(cell) < 10_000 else None
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return None
    if not isinstance(value, list | tuple | set):
        return None
    return [str(w).strip() for w in value if w is not None and str(w).strip()]


def _find_inside(word: str, names: dict[str, tuple[str, Target]], separator: str) -> str:
    """Return a hint if known words are in a word that is not: the separator is missing or another one."""
    folded = f" {fold(word)} "
    inside = [k for k in sorted(names, key=lambda k: (-len(k), k)) if len(k) > 2 and k in folded]
    kept = [k for i, k in enumerate(inside) if not any(k in longer for longer in inside[:i])]
    if len(kept) > 1:
        between = "commas" if separator == "list" else f"'{separator}'"
        return f" (holds {' and '.join(repr(k) for k in kept[:3])} without {between} between them)"
    return ""
