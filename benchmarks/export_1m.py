"""A million questions in every export format: time, peak memory, size.

    python benchmarks/export_1m.py [--rows 1000000] [--formats negbench,openclip,...]

The rows are those of a small phantom build, repeated under new names of items, groups and images, and said
to be of another corpus, so that paths are written and no films drawn. webdataset is left out: it is as big
and as slow as the images are. Memory must not grow with the rows: each format is also run on a tenth of them.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import polars as pl
from machine import describe_machine, measure, nastdata

FORMATS = ("openclip", "nast", "negbench", "neat", "negclip", "ccneg")


def make_rows(small: Path, out: Path, rows: int) -> None:
    """Write a folder with ``rows`` questions in one split, without a manifest."""
    base = pl.concat([pl.read_parquet(p) for p in sorted((small / "data" / "mednega").glob("*.parquet"))])
    target = out / "data" / "mednega"
    target.mkdir(parents=True)
    shards = -(-rows // 250_000)
    for shard in range(shards):
        wanted = min(250_000, rows - shard * 250_000)
        copies = -(-wanted // len(base))
        tag = pl.lit(f"-{shard}-") + pl.col("copy").cast(pl.String)
        numbers = pl.DataFrame({"copy": range(copies)})
        frame = numbers.join(base, how="cross", maintain_order="left_right").with_columns(
            pl.lit("chexpert").alias("source"),
            *(pl.col(c) + tag for c in ("item_id", "group_id", "patient_id", "study_id")),
            (pl.col("image") + tag + ".jpg").alias("image"),
        )
        frame.drop("copy").head(wanted).write_parquet(target / f"train-{shard:05d}-of-{shards:05d}.parquet")


def main() -> None:
    """Export in each format and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--formats", default=",".join(FORMATS))
    given = parser.parse_args()
    print(describe_machine())
    print(f"{'format':<10} {'rows':>10} {'wall s':>8} {'cpu s':>8} {'peak GB':>8} {'files GB':>9}")
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        small = place / "small"
        settings = ("--set", "phantom_patients=600", "--set", "audit.enabled=false", "--limit", "400")
        measure(nastdata("build", "mednega", *settings, "--out", str(small)))
        for rows in (given.rows // 10, given.rows):
            folder = place / f"rows-{rows}"
            make_rows(small, folder, rows)
            for name in given.formats.split(","):
                out = place / "out"
                command = nastdata(
                    "export", str(folder), "--format", name, "--split", "train", "--out", str(out)
                )
                cost = measure(command)
                size = sum(p.stat().st_size for p in out.rglob("*") if p.is_file()) / 1e9
                told = f"{cost.seconds:>8.1f} {cost.cpu:>8.1f} {cost.gigabytes:>8.2f} {size:>9.2f}"
                print(f"{name:<10} {rows:>10,} {told}", flush=True)


if __name__ == "__main__":
    main()
