"""An own table of 224,000 rows beside the built-in CheXpert source: the same labels, two ways in.

    python benchmarks/own_tables.py [-n 2]

Writes the real CheXpert table (of an installed torchxrayvision) in columns and words of our own, describes
it, and builds MedNega from either, in turns, so that both meet the same machine. Prints seconds and memory of
each build, and how long `sources check` takes.
"""

from __future__ import annotations

import argparse
import tempfile
from importlib.metadata import distribution
from pathlib import Path

import polars as pl
from machine import Cost, describe_machine, measure, nastdata

NAMES = {
    "Enlarged Cardiomediastinum": "wide mediastinum",
    "Cardiomegaly": "heart",
    "Lung Opacity": "opacity",
    "Lung Lesion": "lesion",
    "Edema": "edema",
    "Consolidation": "consolidation",
    "Pneumonia": "pneumonia",
    "Atelectasis": "atelectasis",
    "Pneumothorax": "ptx",
    "Pleural Effusion": "effusion",
    "Pleural Other": "other pleura",
    "Fracture": "fracture",
    "Support Devices": "devices",
}


def write_table(folder: Path) -> Path:
    """Write the table and its description; return the description."""
    package = distribution("torchxrayvision")
    frame = pl.read_csv(str(package.locate_file("torchxrayvision/data/chexpert_train.csv.gz")))
    words = {1.0: "yes", 0.0: "no", -1.0: "uncertain"}
    parts = pl.col("Path").str.extract_groups(r"(patient\d+)/(study\d+)/(.*)$")
    table = frame.select(
        parts.struct.field("1").alias("pid"),
        pl.format("{}-{}", parts.struct.field("1"), parts.struct.field("2")).alias("exam"),
        pl.col("Path").str.replace(r"^[^/]*/", "").alias("file"),
        pl.col("AP/PA").fill_null(pl.col("Frontal/Lateral")).alias("projection"),
        *(
            pl.col(c).cast(pl.Float64).replace_strict(words, default=None, return_dtype=pl.String).alias(n)
            for c, n in NAMES.items()
        ),
    )
    table.write_csv(folder / "labels.csv")
    lines = [
        "name: own",
        "files: labels.csv",
        "columns: {patient: pid, study: exam, image: file, view: projection}",
        "labels:",
        "  layout: columns",
        "  columns:",
        *(f"    {n}: {c}" for c, n in NAMES.items()),
    ]
    path = folder / "own.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def main() -> None:
    """Build in turns and print one table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-n", type=int, default=2, help="builds of each")
    turns = parser.parse_args().n
    print(describe_machine())
    print(f"{'':<26}{'wall s':>8}{'cpu s':>8}{'GB':>7}")
    best: dict[str, Cost] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        description = write_table(folder)
        for turn in range(turns):
            for name, source in (("chexpert", "chexpert"), ("own table", str(description))):
                out = folder / f"{name}-{turn}"
                done = measure(nastdata("build", "mednega", "--source", source, "--out", str(out)))
                print(f"{'mednega, ' + name:<26}{done.seconds:>8.1f}{done.cpu:>8.1f}{done.gigabytes:>7.2f}")
                if name not in best or done.cpu < best[name].cpu:
                    best[name] = done
        check = measure(nastdata("sources", "check", str(description)))
        print(f"{'sources check':<26}{check.seconds:>8.1f}{check.cpu:>8.1f}{check.gigabytes:>7.2f}")
    ratio = best["own table"].cpu / best["chexpert"].cpu
    print(f"own table / chexpert, cpu seconds of the best build of each: {ratio:.2f}")


if __name__ == "__main__":
    main()
