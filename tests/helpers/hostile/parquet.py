"""Parquet files that lie: other types, huge lists, metadata of others, cut ends."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hostile.mutate import Mutator


def parquet_bytes(table: Any, **how: Any) -> bytes:
    """Return a table as a Parquet file."""
    held = io.BytesIO()
    pq.write_table(table, held, **how)
    return held.getvalue()


def odd_tables() -> dict[str, Any]:
    """Return tables of types that nobody expects."""
    return {
        "no columns": pa.table({}),
        "no rows": pa.table({"a": pa.array([], pa.string())}),
        "nulls": pa.table({"Path": pa.nulls(3), "image": pa.nulls(3)}),
        "numbers": pa.table({"Path": [1.5, float("nan"), float("inf")], "image": [1, 2**62, -1]}),
        "binary": pa.table({"Path": [b"\xff\xfe", b"", b"\0"], "image": [b"x"] * 3}),
        "lists": pa.table({"Path": [["a"], [], None], "image": [[[1]], None, [[]]]}),
        "long list": pa.table({"Path": [["a"] * 200_000]}),
        "structs": pa.table(
            {"Path": [{"a": 1}, None, {"a": None}], "image": [{"bytes": b"x", "path": "../x"}] * 3}
        ),
        "dictionary": pa.table({"Path": pa.array(["a", "b", "a"]).dictionary_encode()}),
        "times": pa.table(
            {
                "Path": pa.array([0, 2**62, -(2**62)], pa.timestamp("ns")),
                "image": pa.array([1, 2, 3], pa.duration("s")),
            }
        ),
        "decimals": pa.table({"Path": pa.array([1, 2, 3], pa.int64()).cast(pa.decimal128(38, 10))}),
        "map": pa.table({"Path": pa.array([[("a", 1)], [], None], pa.map_(pa.string(), pa.int64()))}),
        "two of a name": pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["Path", "Path"]),
        "odd names": pa.table({"": ["a"], "\x1b[2J": ["b"], "../x": ["c"], "a" * 5_000: ["d"]}),
        "metadata": pa.table({"Path": ["a"]}).replace_schema_metadata(
            {
                b"pandas": b"{" * 5_000,
                b"huggingface": b'{"info": {"features": {"x": {"_type": "Exec"}}}}',
                b"\xff": b"\xff" * 10_000,
            }
        ),
        "extension": pa.table(
            {"Path": ["a"]},
            schema=pa.schema(
                [
                    pa.field(
                        "Path",
                        pa.string(),
                        metadata={
                            b"ARROW:extension:name": b"arrow.py_extension_type",
                            b"ARROW:extension:metadata": b"cos\nsystem\n(S'id'\ntR.",
                        },
                    )
                ]
            ),
        ),
        "many columns": pa.table({f"c{i}": ["x"] for i in range(2_000)}),
        "compressible": pa.table({"Path": pa.array(["A" * 1_000]).take(pa.array([0] * 20_000))}),
    }


def bad_parquet(m: Mutator, path: Path) -> str:
    """Write a Parquet file that lies, sometimes with damaged bytes."""
    name = m.rng.choice(sorted(odd_tables()))
    data = parquet_bytes(odd_tables()[name], compression=m.rng.choice(("snappy", "zstd", "none")))
    if m.rng.random() < 0.4:
        data = m.raw(data)
    path.write_bytes(data)
    return name
