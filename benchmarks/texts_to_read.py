"""Random texts of a dataset for a person to read, without anything around them.

    python benchmarks/texts_to_read.py mednega contextual probes ... --size 200 --seed 0

Prints for each config of each folder ``--size`` different texts, drawn by a hash of seed and text: options in
both wordings, claims, captions, probes, prompts, questions with their choices. The same folder
and seed give the same texts. ``docs/contextual.md`` has the faults that were counted.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

Row = dict[str, Any]


def list_texts(config: str, row: Row) -> Iterator[str]:
    """Yield the texts of one row that are read by themselves."""
    if config == "mednega":
        yield from row["negated_choices"]
        yield from row["affirmative_choices"]
    elif config == "contextual_claims":
        yield from row["claims"]
    elif config == "contextual_captions":
        yield row["caption"]
    elif config == "probes":
        yield from (row["correct"], row["foil"])
    elif config == "opposition":
        yield from (row["prompt"], row["distractor_prompt"])
    elif config == "protocols":
        yield f"{row['question']}  [{' | '.join(row['choices'])}]"


def draw_texts(folder: Path, config: str, size: int, seed: str) -> list[str]:
    """Return different texts of a config, drawn by a hash."""
    found: set[str] = set()
    for path in sorted((folder / "data" / config).glob("*.parquet")):
        for row in pq.read_table(path).to_pylist():
            found.update(list_texts(config, row))
    return sorted(found, key=lambda t: hashlib.sha256(f"{seed}/{t}".encode()).hexdigest())[:size]


def main() -> None:
    """Print the texts, numbered."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--size", type=int, default=200)
    parser.add_argument("--seed", default="0")
    options = parser.parse_args()
    for folder in options.folders:
        for config in sorted(p.name for p in (folder / "data").iterdir()):
            texts = draw_texts(folder, config, options.size, options.seed)
            print(f"\n# {folder.name}: {config} ({len(texts)} texts)")
            for number, text in enumerate(texts, start=1):
                print(f"{number:>4}  {text}")


if __name__ == "__main__":
    main()
