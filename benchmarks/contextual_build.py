"""A million image-text pairs from PadChest and Open-i: the whole build, files and checks included.

    python benchmarks/contextual_build.py

Prints the machine, the time of each stage as the build tells it, peak memory, and how many pairs, distinct
texts and rejected rows there were. A claim set of K claims counts as K pairs, a caption as one.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from machine import describe_machine, measure, nastdata


def main() -> None:
    """Build once and print what it took."""
    print(describe_machine())
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / "contextual"
        done = measure(nastdata("build", "contextual", "--source", "padchest,openi", "--out", str(out)))
        manifest = json.loads((out / "manifest.json").read_text())
    print(done.output)
    claims = manifest["counts"]["text"]["contextual_claims"]
    captions = manifest["counts"]["text"]["contextual_captions"]
    pairs = manifest["counts"]["design"]["contextual_claims"]["pairs"] + captions["accepted"]
    print(f"wall {done.seconds:.1f} s, cpu {done.cpu:.1f} s, peak {done.gigabytes:.2f} GB")
    print(f"image-text pairs {pairs:,}: {claims['accepted']:,} claim sets, {captions['accepted']:,} captions")
    print(f"distinct texts: claims {claims['distinct_texts']:,}, captions {captions['distinct_texts']:,}")
    print(f"rejected: claim sets {claims['rejected']:,}, captions {captions['rejected']:,}")


if __name__ == "__main__":
    main()
