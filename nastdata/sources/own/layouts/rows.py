"""One row a finding: its name, what is said of it, its place and grade, or its box in the image."""

from __future__ import annotations

from typing import Any

import polars as pl

from nastdata.sources.own.keys import MARK, WHY, tell
from nastdata.sources.own.label_settings import RowLabels, Target
from nastdata.sources.own.layouts.base import DETAILS, ID, NOT_UNDERSTOOD, Layout, Said
from nastdata.sources.own.layouts.boxes import find_side, find_zone, list_numbers, to_edges
from nastdata.sources.own.words import CODES, fold
from nastdata.sources.studies import NO_FINDING


class RowLayout(Layout):
    """Reads rows of single findings."""

    def read(self, frame: pl.DataFrame) -> Said:
        """Read rows that ``keys.read_keys`` has been over."""
        labels = self.labels
        assert isinstance(labels, RowLabels)
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
            parts.append(self.read_cells(fit, pl.col("condition"), target))
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
        return Said(self.keep(frame.with_columns(mine)), details)

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
        if labels.unknown == "ignore":
            for word in counts.keys() - known.keys() - {None}:
                self.ignored[word] = self.ignored.get(word, 0) + counts[word]
            strange = pl.lit(False)
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
            pl.col(labels.value).is_in(bad),
            f"column '{labels.value}': {NOT_UNDERSTOOD}",
            pl.col(labels.value),
        )
        return frame.with_columns(turned.cast(pl.Int8).alias("#value"), pl.coalesce(WHY, wrong).alias(WHY))

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
