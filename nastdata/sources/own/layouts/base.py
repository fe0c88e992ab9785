"""What all label layouts share: conditions, words, places and grades, and what a blank may mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import polars as pl

from nastdata.errors import UserError
from nastdata.ontology import Ontology
from nastdata.sources.own.keys import WHY
from nastdata.sources.own.label_settings import ColumnLabels, ListLabels, RowLabels, Target
from nastdata.sources.own.settings import OwnSettings
from nastdata.sources.own.words import Meanings, Places, check_targets
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
        self.ignored: dict[str, int] = {}
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
        raise NotImplementedError

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

    def read_cells(self, some: pl.DataFrame, condition: pl.Expr, target: Target) -> pl.DataFrame:
        """Turn ``#place, #side, #grade`` into places and grades; each distinct triple is read once."""
        some = some.with_columns(condition.alias("condition"))
        keys = ["condition", "#place", "#side", "#grade"]
        rows = []
        for c, place, side, grade in some.select(keys).unique().sort(keys).iter_rows():
            location, severity, wrong, shown = self.read_triple(c, place, side, grade, target)
            rows.append((c, place, side, grade, location, severity, wrong, shown))
        names = [*keys, "location", "severity", WHY, "#shown"]
        known = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
        there = pl.col("#value") == 1
        return (
            some.join(known, on=keys, how="left", nulls_equal=True, maintain_order="left")
            .with_columns(pl.when(there).then(pl.lit("present")).otherwise(pl.lit("absent")).alias("existence"))
        )  # fmt: skip

    def read_triple(
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

    def say_nothing_found(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Fill blanks of rows that say "no finding", where the description says that this denies all."""
        if self.settings.values.nothing_found != "absent":
            return frame
        return frame.with_columns(self.fill_absent(frame.columns, pl.col(NO_FINDING).fill_null(False)))

    def keep(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the columns that are needed from here on."""
        kept = [c for c in frame.columns if c in KEPT]
        return frame.select(*kept, *self.conditions)


KEPT = {
    *(ID, "patient_id", "study_id", "image_id", "image", "own_split", NO_FINDING, WHY),
    *("#row", "#file", "#rank", "#reader", "#dated"),
}
