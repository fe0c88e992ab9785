"""What lies under schemas/ is what the code makes: `python -m nastdata.checks.suites` writes it anew."""

from __future__ import annotations

import json

import polars as pl
import pytest
from pydantic import ValidationError

from nastdata.checks.suites import dump_schema, make_schemas, write_schemas
from nastdata.frames import config_schema
from nastdata.records import CONFIG_ROWS, CaptionRow
from nastdata.resources import find_resource


def test_schemas_have_not_drifted() -> None:
    folder = find_resource("schemas")
    made = make_schemas()
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*.json")}
    assert there == set(made)
    for name, data in made.items():
        assert (folder / name).read_text(encoding="utf-8") == dump_schema(data), f"{name} has drifted"


def test_writing_them_twice_gives_the_same_bytes(tmp_path) -> None:
    first = {p: p.read_bytes() for p in write_schemas(tmp_path)}
    assert {p: p.read_bytes() for p in write_schemas(tmp_path)} == first


@pytest.mark.parametrize("config", CONFIG_ROWS)
def test_a_schema_names_the_columns_of_the_files(config: str) -> None:
    schema = json.loads((find_resource("schemas") / f"{config}.json").read_text())
    assert set(schema["properties"]) == set(config_schema(config))
    assert schema["additionalProperties"] is False
    lists = {c for c, t in config_schema(config).items() if isinstance(t, pl.List)}
    assert {c for c, p in schema["properties"].items() if p.get("type") == "array"} == lists


def test_a_schema_refuses_what_the_model_refuses() -> None:
    with pytest.raises(ValidationError):
        CaptionRow.model_validate({"caption": "There is no edema."})
