"""What a row says: label columns, a list in one cell, or one finding a row, with or without a box."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from nastdata.errors import UserError
from nastdata.ontology import Ontology
from nastdata.sources.own.boxes import find_side, find_zone, list_numbers, to_edges
from nastdata.sources.own.keys import MARK, WHY, tell
from nastdata.sources.own.settings import ColumnLabels, ListLabels, OwnSettings, RowLabels, Target
from nastdata.sources.own.words import CODES, Meanings, Places, check_targets, fold
from nastdata.sources.studies import NO_FINDING

ID = "#id"
"""Column that numbers the rows of all files."""
DETAILS: dict[str, pl.DataType] = {
    ID: pl.Int64(),
    "condition": pl.String(),
    "existence": pl.String(),
    "location": pl.String(),
    "severity": pl.String(),
}
"""What rows say beside the labels: places and grades, and denials of just one place or grade."""
NOT_UNDERSTOOD = "a value that is not understood"


@dataclass(frozen=True)
class Said:
    """Rows with a label column a condition (Int8), ``NO_FINDING`` and ``#why``; and their details."""

    rows: pl.DataFrame
    details: pl.DataFrame


class Layout:
    """Reads rows by one label layout. ``seen`` counts which names of the description the data had."""

    def __init__(self, settings: OwnSettings, ontology: Ontology) -> None:
        assert settings.labels is not None
        self.settings, self.labels, self.ontology = settings, settings.labels, ontology
        self.meanings, self.places = Meanings(settings), Places(ontology, settings)
        self.all = [c.name for c in ontology.conditions]
        self.seen: dict[str, int] = {}
        problems = self._check()
        if problems:
            raise UserError(
                "; ".join(problems),
                where=f"{settings.name}: labels",
                how=f"conditions of the ontology {ontology.name}: {', '.join(self.all)}",
            )

    @property
    def targets(self) -> dict[str, Target]:
        """Name of a column, or word of a list -> what it stands for."""
        return self.labels.columns if isinstance(self.labels, ColumnLabels) else self.labels.names

    @property
    def conditions(self) -> list[str]:
        """Conditions that the table can say something about, in the ontology's order."""
        named = {t.condition for t in self.targets.values()}
        if isinstance(self.labels, RowLabels) and self.labels.condition:
            named.add(self.labels.condition)
        return [c for c in self.all if c in named]

    @property
    def columns(self) -> list[str]:
        """Columns of the table that the labels need."""
        x = self.labels
        if isinstance(x, ColumnLabels):
            names: list[Any] = []
            for column, t in x.columns.items():
                if t.special != "ignore":
                    names += [column, t.place_column, t.side_column, t.grade_column]
        elif isinstance(x, ListLabels):
            names = [x.column]
        else:
            names = [x.finding, x.value, x.place, x.side, x.grade]
            if x.box:
                names += [*x.box.columns, *(s for s in (x.box.width, x.box.height) if isinstance(s, str))]
        return list(dict.fromkeys(n for n in names if n))

    def read(self, frame: pl.DataFrame) -> Said:
        """Read rows that ``keys.read_keys`` has been over."""
        if isinstance(self.labels, ColumnLabels):
            return self._read_columns(frame, self.labels)
        if isinstance(self.labels, ListLabels):
            return self._read_list(frame, self.labels)
        return self._read_rows(frame, self.labels)

    def _check(self) -> list[str]:
        named = {f"'{k}'": t.condition for k, t in self.targets.items() if t.condition}
        if isinstance(self.labels, RowLabels) and self.labels.condition:
            named["condition"] = self.labels.condition
        problems = check_targets(named, self.ontology.condition_by_name)
        for key, t in self.targets.items():
            if t.condition in self.ontology.condition_by_name:
                problems += self._check_attributes(f"'{key}'", str(t.condition), t)
        for word, place in self.settings.places.items():
            if self.places.read_place(place) is None:
                problems.append(f"places.{word}: '{place}' is no place of the ontology")
        return problems

    def _check_attributes(self, where: str, condition: str, t: Target) -> list[str]:
        problems = []
        if t.place is not None:
            read = self.places.read_place(t.place)
            if read is None or self.places.find_place(condition, *read) is None:
                problems.append(f"{where}: {condition} has no place '{t.place}' in the ontology")
        if t.grade is not None and self.places.read_grade(condition, t.grade)[1] is None:
            problems.append(f"{where}: {condition} has no grade '{t.grade}' in the ontology")
        return problems

    # columns -------------------------------------------------------------------------------------------

    def _read_columns(self, frame: pl.DataFrame, labels: ColumnLabels) -> Said:
        codes: dict[str, list[tuple[Target, str]]] = {}
        whys = [pl.col(WHY)]
        nothing: list[pl.Expr] = []
        for number, (column, target) in enumerate(labels.columns.items()):
            if target.special == "ignore":
                continue
            name = f"#code{number}"
            words = frame[column].unique().to_list()
            meaning = {w: self.meanings.find(w, target.blank) for w in words}
            bad = [w for w, m in meaning.items() if m is None]
            values = {w: _turn(CODES[m], target.means) for w, m in meaning.items() if m is not None}
            self.seen[column] = self.seen.get(column, 0) + int(
                frame[column].is_in([w for w, v in values.items() if v is not None and w is not None]).sum()
            )
            code = pl.col(column).replace_strict(values, default=None, return_dtype=pl.Int8)
            frame = frame.with_columns(code.alias(name))
            if bad:
                wrong = pl.col(column).is_in([w for w in bad if w is not None])
                whys.append(tell(wrong, f"column '{column}': {NOT_UNDERSTOOD}", pl.col(column)))
            if target.special == "nothing_found":
                nothing.append(pl.col(name) == 1)
            else:
                codes.setdefault(str(target.condition), []).append((target, name))
        merged = [self._merge(c, codes[c]).alias(c) for c in self.conditions]
        frame = frame.with_columns(
            *merged,
            pl.coalesce(whys).alias(WHY),
            (pl.any_horizontal(nothing).fill_null(False) if nothing else pl.lit(False)).alias(NO_FINDING),
        )
        parts = []
        for condition in self.conditions:
            for target, name in codes[condition]:
                frame, part = self._read_details(frame, condition, pl.col(name), target)
                parts.append(part)
        frame = self._say_nothing_found(frame)
        return Said(self._keep(frame), _concat(parts))

    def _merge(self, condition: str, parts: list[tuple[Target, str]]) -> pl.Expr:
        """Join several columns of one condition: present if one is; absent only if all that there is, is."""
        columns = [pl.col(name) for _, name in parts]
        placed = [t.place for t, _ in parts if t.place]
        whole = [name for t, name in parts if not t.place and not t.grade]
        present = pl.any_horizontal([c == 1 for c in columns])
        doubtful = pl.any_horizontal([c == -1 for c in columns])
        if whole:
            absent = pl.all_horizontal([(pl.col(n) == 0).fill_null(False) for n in whole])
        else:
            sides = {(self.places.read_place(p) or (None, None))[1] for p in placed}
            all_absent = pl.all_horizontal([(c == 0).fill_null(False) for c in columns])
            absent = all_absent if {"left", "right"} <= sides else pl.lit(False)
        return (
            pl.when(present.fill_null(False)).then(1).when(doubtful.fill_null(False)).then(-1).when(absent)
            .then(0).otherwise(None).cast(pl.Int8)
        )  # fmt: skip

    def _read_details(
        self, frame: pl.DataFrame, condition: str, code: pl.Expr, target: Target
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Read place and grade of the rows that say that the condition is there (or not just there)."""
        cells = {"place": target.place_column, "side": target.side_column, "grade": target.grade_column}
        if not any(cells.values()) and target.place is None and target.grade is None:
            return frame, pl.DataFrame(schema=DETAILS)
        wanted = pl.lit([1, 0]) if target.place or target.grade else pl.lit([1])
        fit = frame.filter(code.is_in(wanted.implode()) & pl.col(WHY).is_null())
        some = fit.select(
            ID,
            code.alias("#value"),
            *(
                (pl.col(c) if c else pl.lit(None, pl.String)).alias(f"#{k}")
                for k, c in cells.items()
            ),
        )  # fmt: skip
        table = self._read_cells(some, pl.lit(condition), target)
        wrong = table.filter(pl.col(WHY).is_not_null())
        if len(wrong):
            named = {f"#{k}": f"column '{c}'" for k, c in cells.items() if c}
            told = wrong.select(ID, pl.col(WHY).replace(named).alias("#which"), "#shown").select(
                ID,
                pl.concat_str([pl.col("#which"), pl.lit(f": {NOT_UNDERSTOOD}{MARK}"), pl.col("#shown")]).alias(
                    "#more"
                ),
            )
            frame = frame.join(told, on=ID, how="left", maintain_order="left").with_columns(
                pl.coalesce(WHY, "#more").alias(WHY)
            )
            frame = frame.drop("#more")
        good = table.filter(pl.col(WHY).is_null())
        return frame, good.select(list(DETAILS))

    def _read_cells(self, some: pl.DataFrame, condition: pl.Expr, target: Target) -> pl.DataFrame:
        """Turn ``#place, #side, #grade`` into places and grades; each distinct triple is read once."""
        some = some.with_columns(condition.alias("condition"))
        keys = ["condition", "#place", "#side", "#grade"]
        rows = []
        for c, place, side, grade in some.select(keys).unique().sort(keys).iter_rows():
            location, severity, wrong, shown = self._read_triple(c, place, side, grade, target)
            rows.append((c, place, side, grade, location, severity, wrong, shown))
        names = [*keys, "location", "severity", WHY, "#shown"]
        known = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
        there = pl.col("#value") == 1
        return (
            some.join(known, on=keys, how="left", nulls_equal=True, maintain_order="left")
            .with_columns(pl.when(there).then(pl.lit("present")).otherwise(pl.lit("absent")).alias("existence"))
        )  # fmt: skip

    def _read_triple(
        self, condition: str, place: str | None, side: str | None, grade: str | None, target: Target
    ) -> tuple[str | None, str | None, str | None, str | None]:
        """Return (location, severity, which cell is not understood, its text)."""
        region_side = self.places.read_place(place if place is not None else target.place)
        if region_side is None:
            return None, None, "#place", place
        more = self.places.read_place(side)
        if more is None or more[0] is not None:
            return None, None, "#side", side
        if region_side[1] and more[1] and region_side[1] != more[1]:
            return None, None, "#side", f"{side}, but the place says {region_side[1]}"
        known, severity = self.places.read_grade(condition, grade if grade is not None else target.grade)
        if not known:
            return None, None, "#grade", grade
        location = self.places.find_place(condition, region_side[0], region_side[1] or more[1])
        return location, severity, None, None

    # list ----------------------------------------------------------------------------------------------

    def _read_list(self, frame: pl.DataFrame, labels: ListLabels) -> Said:
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
        schema = {labels.column: pl.String, "#bad": pl.String, NO_FINDING: pl.Boolean}
        known = pl.DataFrame(rows, schema={**schema, **dict.fromkeys(self.conditions, pl.Int8)})
        frame = frame.join(known, on=labels.column, how="left", nulls_equal=True, maintain_order="left")
        frame = frame.with_columns(pl.coalesce(WHY, "#bad").alias(WHY))
        detail = {labels.column: pl.String, **{k: v for k, v in DETAILS.items() if k != ID}}
        details = pl.DataFrame(parts, schema=detail, orient="row")
        joined = frame.filter(pl.col(WHY).is_null()).select(ID, column).join(details, on=labels.column)
        frame = self._say_nothing_found(frame)
        if labels.unlisted == "absent":
            listed = column.is_not_null() if self.settings.values.blank != "absent" else pl.lit(True)
            frame = frame.with_columns(self.fill_absent(frame.columns, listed))
        return Said(self._keep(frame), joined.select(list(DETAILS)))

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
            location, severity, _, _ = self._read_triple(condition, None, None, None, target)
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

    # rows ----------------------------------------------------------------------------------------------

    def _read_rows(self, frame: pl.DataFrame, labels: RowLabels) -> Said:
        frame = self._name_conditions(frame, labels)
        frame = self._read_value(frame, labels)
        there = pl.col("#value").is_in([0, 1]) & pl.col("condition").is_not_null() & pl.col(WHY).is_null()
        cells = {"place": labels.place, "side": labels.side, "grade": labels.grade}
        own = [
            (pl.col(c) if c else pl.lit(None, pl.String)).alias(f"#{k}") for k, c in cells.items()
        ]  # fmt: skip
        some = frame.filter(there).with_columns(*own)
        if labels.box is not None:
            some = self._read_box(some, labels)
        some = some.select(ID, "#value", "condition", "#place", "#side", "#grade", "#name", WHY)
        parts = []
        for (name,), part in some.group_by("#name", maintain_order=True):
            target = self._target(str(name), labels)
            fit = part.filter(pl.col(WHY).is_null()).drop(WHY)
            parts.append(self._read_cells(fit, pl.col("condition"), target))
        columns = {f"#{k}": f"column '{c}'" for k, c in cells.items() if c}
        if parts:
            table = pl.concat(parts, how="diagonal")
            wrong = table.filter(pl.col(WHY).is_not_null()).select(
                ID,
                pl.concat_str(
                    [pl.col(WHY).replace(columns), pl.lit(f": {NOT_UNDERSTOOD}{MARK}"), pl.col("#shown")]
                ).alias("#more"),
            )
            boxed = some.filter(pl.col(WHY).is_not_null()).select(ID, pl.col(WHY).alias("#more"))
            told = pl.concat([wrong, boxed])
            frame = frame.join(told, on=ID, how="left", maintain_order="left")
            frame = frame.with_columns(pl.coalesce(WHY, "#more").alias(WHY))
            details = table.filter(pl.col(WHY).is_null()).select(list(DETAILS))
        else:
            details = pl.DataFrame(schema=DETAILS)
        # a denial of just one place or grade is no label
        partly = details.filter(
            (pl.col("existence") == "absent")
            & (pl.col("location").is_not_null() | pl.col("severity").is_not_null())
        )
        plain = ~pl.col(ID).is_in(partly[ID].implode())
        mine = [
            pl.when((pl.col("condition") == c) & plain).then(pl.col("#value")).cast(pl.Int8).alias(c)
            for c in self.conditions
        ]
        details = details.filter((pl.col("existence") == "present") | pl.col(ID).is_in(partly[ID].implode()))
        return Said(self._keep(frame.with_columns(mine)), details)

    def _target(self, name: str, labels: RowLabels) -> Target:
        return labels.names.get(name) or Target(condition=labels.condition)

    def _name_conditions(self, frame: pl.DataFrame, labels: RowLabels) -> pl.DataFrame:
        """Add ``condition``, ``#name`` (the key of ``names``), ``NO_FINDING``, and reasons."""
        if labels.finding is None:
            return frame.with_columns(
                pl.lit(labels.condition).alias("condition"),
                pl.lit("").alias("#name"),
                pl.lit(False).alias(NO_FINDING),
                pl.lit("present").alias("#means"),
            )
        names = {fold(k): (k, t) for k, t in labels.names.items()}
        counts = dict(frame[labels.finding].value_counts().iter_rows())
        known = {w: names[fold(w)] for w in counts if fold(w) in names}
        for word, (key, _) in known.items():
            self.seen[key] = self.seen.get(key, 0) + counts[word]
        column = pl.col(labels.finding)

        def pick(values: dict[Any, Any], kind: Any) -> pl.Expr:
            return column.replace_strict(values, default=None, return_dtype=kind)

        strange = column.is_not_null() & ~column.is_in(list(known))
        blank = column.is_null() & pl.lit("" not in names)
        return frame.with_columns(
            pick({w: t.condition for w, (_, t) in known.items()}, pl.String).alias("condition"),
            pick({w: k for w, (k, _) in known.items()}, pl.String).alias("#name"),
            pick({w: t.special == "nothing_found" for w, (_, t) in known.items()}, pl.Boolean)
            .fill_null(False)
            .alias(NO_FINDING),
            pick({w: t.means for w, (_, t) in known.items()}, pl.String).alias("#means"),
            pl.coalesce(
                WHY,
                tell(strange, f"column '{labels.finding}': {NOT_UNDERSTOOD}", column),
                tell(blank, f"column '{labels.finding}': no finding is named"),
            ).alias(WHY),
        )

    def _read_value(self, frame: pl.DataFrame, labels: RowLabels) -> pl.DataFrame:
        means = pl.col("#means").replace_strict(CODES, default=None, return_dtype=pl.Int8)
        if labels.value is None:
            return frame.with_columns(means.alias("#value"))
        words = frame[labels.value].unique().to_list()
        meaning = {w: self.meanings.find(w) for w in words}
        bad = [w for w, m in meaning.items() if m is None and w is not None]
        codes = {w: CODES[m] for w, m in meaning.items() if m is not None}
        code = pl.col(labels.value).replace_strict(codes, default=None, return_dtype=pl.Int8)
        turned = pl.when(means == 1).then(code).when((means == 0) & (code >= 0)).then(1 - code).when(
            (means == -1) & (code == 1)
        ).then(-1)  # fmt: skip
        wrong = tell(
            pl.col(labels.value).is_in(bad), f"column '{labels.value}': {NOT_UNDERSTOOD}", pl.col(labels.value)
        )
        return frame.with_columns(
            turned.cast(pl.Int8).alias("#value"), pl.coalesce(WHY, wrong).alias(WHY)
        )

    def _read_box(self, some: pl.DataFrame, labels: RowLabels) -> pl.DataFrame:
        """Fill blank places and sides from the boxes of findings that are there."""
        box = labels.box
        assert box is not None
        decimal = self.settings.read.decimal
        for i, number in enumerate(list_numbers(box.columns, decimal)):
            some = some.with_columns(number.alias(f"#n{i}"))
        left, top, right, bottom = to_edges([pl.col(f"#n{i}") for i in range(4)], box.order)
        wide, high = (self._size(s, decimal) for s in (box.width, box.height))
        numbers = [pl.col(f"#n{i}").is_not_null() for i in range(4)]
        given = pl.any_horizontal([pl.col(c).is_not_null() for c in box.columns])
        usable = pl.all_horizontal(numbers) & wide.is_not_null() & high.is_not_null()
        some = some.with_columns(
            (left / wide).alias("#l"), (top / high).alias("#t"),
            (right / wide).alias("#r"), (bottom / high).alias("#b"),
        )  # fmt: skip
        edge = 0.02
        inside = (
            (pl.col("#l") >= -edge) & (pl.col("#t") >= -edge)
            & (pl.col("#r") <= 1 + edge) & (pl.col("#b") <= 1 + edge)
            & (pl.col("#l") < pl.col("#r")) & (pl.col("#t") < pl.col("#b"))
        )  # fmt: skip
        shown = pl.concat_str([pl.col(c).fill_null("") for c in box.columns], separator=" ")
        here = ", ".join(box.columns)
        there = pl.col("#value") == 1
        side = find_side(pl.col("#l"), pl.col("#r"), box.mirrored)
        zone = find_zone(pl.col("#t"), pl.col("#b")) if box.zones else pl.lit(None, pl.String)
        told = pl.col("#place").is_not_null() | pl.col("#side").is_not_null()
        sided = side.is_not_null() & ~told & there
        return some.with_columns(
            pl.when(sided).then(side).otherwise(pl.col("#side")).alias("#side"),
            pl.when(sided).then(zone).otherwise(pl.col("#place")).alias("#place"),
            pl.coalesce(
                WHY,
                tell(there & given & ~usable, f"columns {here}: not four numbers, or no image size", shown),
                tell(there & usable & ~inside, f"columns {here}: a box that is not inside the image", shown),
            ).alias(WHY),
        )

    def _size(self, size: str | int | None, decimal: str) -> pl.Expr:
        if size is None:
            return pl.lit(1.0)
        if isinstance(size, int):
            return pl.lit(float(size))
        return list_numbers((size,) * 4, decimal)[0]

    # all -----------------------------------------------------------------------------------------------

    def fill_absent(self, columns: Iterable[str], where: pl.Expr) -> list[pl.Expr]:
        """Set blank labels to absent, but never of a finding whose kind is present or doubtful."""
        have = set(columns)
        out = []
        for c in self.conditions:
            kinds = [k for k in self.all if c in self.ontology.ancestors[k] and k in have]
            against = [pl.col(k).is_in([1, -1]).fill_null(False) for k in kinds]
            free = ~pl.any_horizontal(against) if against else pl.lit(True)
            fill = pl.col(c).is_null() & where & free
            out.append(pl.when(fill).then(0).otherwise(pl.col(c)).cast(pl.Int8).alias(c))
        return out

    def _say_nothing_found(self, frame: pl.DataFrame) -> pl.DataFrame:
        if self.settings.values.nothing_found != "absent":
            return frame
        return frame.with_columns(self.fill_absent(frame.columns, pl.col(NO_FINDING).fill_null(False)))

    def _keep(self, frame: pl.DataFrame) -> pl.DataFrame:
        kept = [c for c in frame.columns if c in KEPT]
        return frame.select(*kept, *self.conditions)


KEPT = {
    *(ID, "patient_id", "study_id", "image_id", "image", "own_split", NO_FINDING, WHY),
    *("#row", "#file", "#rank", "#reader", "#dated"),
}


def split_cell(cell: str | None, separator: str) -> list[str] | None:
    """Return the words of a list cell; None if it is no list though it should be."""
    if cell is None:
        return []
    if separator != "list":
        return [w.strip() for w in cell.split(separator) if w.strip()]
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


def _turn(code: int | None, means: str) -> int | None:
    """Return what a cell says of a condition, where the column says "no X" or "perhaps X"."""
    if means == "absent" and code in (0, 1):
        return 1 - code
    if means == "uncertain" and code == 1:
        return -1
    if means == "not_mentioned":
        return None
    return code


def _concat(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat([pl.DataFrame(schema=DETAILS), *parts])
