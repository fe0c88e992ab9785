"""One column a condition, with columns or fixed words for place and grade."""

from __future__ import annotations

import polars as pl

from nastdata.sources.own.keys import MARK, WHY, tell
from nastdata.sources.own.label_settings import ColumnLabels, Target
from nastdata.sources.own.layouts.base import DETAILS, ID, NOT_UNDERSTOOD, Layout, Said
from nastdata.sources.own.words import CODES
from nastdata.sources.studies import NO_FINDING


class ColumnLayout(Layout):
    """Reads label columns."""

    def read(self, frame: pl.DataFrame) -> Said:
        """Read rows that ``keys.read_keys`` has been over."""
        labels = self.labels
        assert isinstance(labels, ColumnLabels)
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
        frame = self.say_nothing_found(frame)
        return Said(self.keep(frame), pl.concat([pl.DataFrame(schema=DETAILS), *parts]))

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
        wanted = [1, 0] if target.place or target.grade else [1]
        fit = frame.filter(code.is_in(wanted) & pl.col(WHY).is_null())
        some = fit.select(
            ID,
            code.alias("#value"),
            *(
                (pl.col(c) if c else pl.lit(None, pl.String)).alias(f"#{k}")
                for k, c in cells.items()
            ),
        )  # fmt: skip
        table = self.read_cells(some, pl.lit(condition), target)
        wrong = table.filter(pl.col(WHY).is_not_null())
        if len(wrong):
            named = {f"#{k}": f"column '{c}'" for k, c in cells.items() if c}
            told = wrong.select(ID, pl.col(WHY).replace(named).alias("#which"), "#shown").select(
                ID,
                pl.concat_str(
                    [pl.col("#which"), pl.lit(f": {NOT_UNDERSTOOD}{MARK}"), pl.col("#shown")]
                ).alias("#more"),
            )
            frame = frame.join(told, on=ID, how="left", maintain_order="left").with_columns(
                pl.coalesce(WHY, "#more").alias(WHY)
            )
            frame = frame.drop("#more")
        good = table.filter(pl.col(WHY).is_null())
        return frame, good.select(list(DETAILS))


def _turn(code: int | None, means: str) -> int | None:
    """Return what a cell says of a condition, where the column says "no X" or "perhaps X"."""
    if means == "absent" and code in (0, 1):
        return 1 - code
    if means == "uncertain" and code == 1:
        return -1
    if means == "not_mentioned":
        return None
    return code
