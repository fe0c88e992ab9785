"""What another reader changes in Open-i's facts: `python benchmarks/reader_change.py OLD_CHECKOUT`.

Reads every sentence of FINDINGS and IMPRESSION once with this checkout's reader and once with another
checkout's (in a process of its own), and prints the facts by condition and existence. `--show N` prints N
sentences whose facts differ, to be compared by eye.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import random
import re
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

READ = """
import json, sys
from nastdata.ontology import load_ontology
from nastdata.reading.parse import get_parser
parse = get_parser(load_ontology("chest_xray")).parse
for line in sys.stdin:
    facts = {p.fact for p in parse(json.loads(line)).facts}
    print(json.dumps(sorted([f.condition, f.existence, f.location or "", f.severity or "", f.denies or ""]
                            for f in facts)))
"""


def list_sentences() -> list[str]:
    """Return the distinct sentences of the reports that ride in torchxrayvision."""
    files = importlib.metadata.files("torchxrayvision") or []
    path = next(f.locate() for f in files if str(f).endswith("NLMCXR_reports.tgz"))
    out: dict[str, None] = {}
    with tarfile.open(str(path)) as archive:
        for member in archive.getmembers():
            stream = archive.extractfile(member) if member.name.endswith(".xml") else None
            if stream is None:
                continue
            for part in ET.fromstring(stream.read()).iter("AbstractText"):  # noqa: S314 - a fixed archive
                if part.get("Label") in ("FINDINGS", "IMPRESSION"):
                    for s in re.split(r"(?<=[.?!])\s+(?=[A-Z0-9])", (part.text or "").strip()):
                        out[" ".join(s.split())] = None
    return [s for s in out if s]


def read(tree: str, sentences: list[str]) -> list[list[list[str]]]:
    """Return the facts of each sentence, as the reader of a checkout reads them."""
    lines = "".join(json.dumps(s) + "\n" for s in sentences)
    done = subprocess.run(
        [sys.executable, "-c", READ],
        input=lines,
        capture_output=True,
        text=True,
        check=True,
        cwd=tree,
        env={**os.environ, "PYTHONPATH": tree},
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def main() -> None:
    """Print the table."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("old", help="checkout with the other reader")
    given.add_argument("--show", type=int, default=0, help="sentences to print")
    args = given.parse_args()
    sentences = list_sentences()
    before, after = read(args.old, sentences), read(str(Path.cwd()), sentences)
    count = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for side, all_facts in zip(count, (before, after), strict=True):
        for facts in all_facts:
            side.update((f[0], f[1]) for f in facts)
    changed = [i for i in range(len(sentences)) if before[i] != after[i]]
    lost = sum(len([f for f in before[i] if f not in after[i]]) for i in changed)
    gained = sum(len([f for f in after[i] if f not in before[i]]) for i in changed)
    print(f"{len(sentences):,} distinct sentences, {len(changed):,} with other facts")
    print(f"facts gone {lost:,}, facts new {gained:,}\n")
    print(f"| {'condition':<28} | {'existence':<9} | before | after |\n|---|---|---|---|")
    for key in sorted({*count[0], *count[1]}):
        print(f"| {key[0]:<28} | {key[1]:<9} | {count[0][key]:,} | {count[1][key]:,} |")
    for i in random.Random(0).sample(changed, min(args.show, len(changed))):
        gone = [f for f in before[i] if f not in after[i]]
        print(f"\n{sentences[i]}\n  - {gone}\n  + {[f for f in after[i] if f not in before[i]]}")


if __name__ == "__main__":
    main()
