"""Column types of the frames that stages hand over, derived from the row models in ``records``."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args, get_origin

import polars as pl
from pydantic import BaseModel

from nastdata.ontology import Ontology
from nastdata.records import COLUMN_ORDER, CONFIG_ROWS, RejectRow

STUDY_COLUMNS: dict[str, pl.DataType] = {
    "source": pl.String(),
    "patient_id": pl.String(),
    "study_id": pl.String(),
    "image_id": pl.String(),
    "image": pl.String(),
    "own_split": pl.String(),
    "view": pl.String(),
}
"""Keys of one study: ``image`` is its preferred image, ``own_split`` the corpus's own split or null, ``view``
how the image was taken (``records.FRONTAL`` and the others; null: not known)."""


def labels_schema(ontology: Ontology) -> dict[str, pl.DataType]:
    """Return the schema of a label frame: one row a study, one Int8 column (1, 0, -1, null) a condition."""
    return {**STUDY_COLUMNS, **{c.name: pl.Int8() for c in ontology.conditions}}


FACTS_SCHEMA: dict[str, pl.DataType] = {
    **STUDY_COLUMNS,
    "condition": pl.String(),
    "existence": pl.String(),
    "location": pl.String(),
    "severity": pl.String(),
    "qualifier": pl.String(),
}
"""Schema of a fact frame: one row a fact; names are the ontology's. ``existence`` is

- ``present``;
- ``absent``; ``qualifier`` says how it was denied ("focal": no focal consolidation), null plainly;
- ``uncertain``: the source speaks of something of this kind (there, or anywhere without a place). Nothing
  is claimed of it, and nothing that it could make false may be denied. ``qualifier`` is null for a doubt,
  which no denial survives, and ``records.KIN`` for a finding that may show as this one, which a denial in so
  many words survives.
"""


def polars_type(annotation: Any) -> pl.DataType:
    """Translate a field annotation of a row model into a polars type."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return polars_type(next(a for a in args if a is not type(None)))
    if origin is list:
        return pl.List(polars_type(args[0]))
    if origin is Literal:
        return pl.String()
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return pl.Struct({k: polars_type(f.annotation) for k, f in annotation.model_fields.items()})
    if annotation is int:
        return pl.Int64()
    if annotation is str:
        return pl.String()
    raise TypeError(f"no polars type for {annotation!r}")


def config_schema(config: str) -> dict[str, pl.DataType]:
    """Return the parquet schema of a dataset config, columns in their written order.

    Raises:
        KeyError: if there is no such config.
    """
    fields = CONFIG_ROWS[config].model_fields
    return {name: polars_type(fields[name].annotation) for name in COLUMN_ORDER[config]}


def name_values(values: Iterable[str | None]) -> pl.Enum:
    """Return a type for strings of which few are distinct: a number of one to four bytes each in a frame.

    Its order is that of the strings, so that sorting and ranking come to the same.
    """
    return pl.Enum(sorted({v for v in values if v is not None}))


def settle_columns(frame: pl.DataFrame, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Return the columns of a schema in its order and with its types; strings may stay ``name_values``."""
    casts: dict[Any, pl.DataType] = {k: t for k, t in schema.items() if not _says_same(frame.schema[k], t)}
    return frame.select(list(schema)).cast(casts)


def spell_out(frame: pl.DataFrame, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Return rows with plain strings in place of named values; all at once would cost much memory."""
    casts: dict[Any, pl.DataType] = {k: t for k, t in schema.items() if frame.schema[k] != t}
    return frame.cast(casts)


def _says_same(have: pl.DataType, want: pl.DataType) -> bool:
    if isinstance(have, pl.List) and isinstance(want, pl.List):
        return _says_same(_instance(have.inner), _instance(want.inner))
    if isinstance(have, pl.Struct) and isinstance(want, pl.Struct):
        pairs = zip(have.fields, want.fields, strict=False)
        return len(have.fields) == len(want.fields) and all(
            a.name == b.name and _says_same(_instance(a.dtype), _instance(b.dtype)) for a, b in pairs
        )
    return have == want or (isinstance(have, pl.Enum) and want == pl.String)


def _instance(dtype: Any) -> pl.DataType:
    """Polars holds inner types as classes or instances."""
    made: pl.DataType = dtype() if isinstance(dtype, type) else dtype
    return made


REJECTS_SCHEMA: dict[str, pl.DataType] = {
    name: polars_type(field.annotation) for name, field in RejectRow.model_fields.items()
}
