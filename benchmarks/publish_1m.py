"""A million pairs to a hub and back: build, push over real HTTP to a hub server of the tests, load, compare.

    python benchmarks/publish_1m.py

The dataset is contextual, from phantom facts (publishable). The loading is ``datasets.load_dataset`` in a
fresh process; rows are compared by a hash over every row of every split.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from machine import describe_machine, measure, nastdata

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))

DIGEST = """
import hashlib, json, sys
from datasets import load_dataset
for config in ("contextual_claims", "contextual_captions"):
    for split, rows in sorted(load_dataset(sys.argv[1], config).items()):
        digest = hashlib.sha256()
        for batch in rows.with_format("arrow").iter(batch_size=10_000):
            digest.update(json.dumps(batch.to_pylist(), sort_keys=True).encode())
        print(config, split, len(rows), digest.hexdigest())
"""


def main() -> None:
    """Build, publish, load both ways, compare."""
    server = import_module("hub_server")
    print(describe_machine())
    with tempfile.TemporaryDirectory() as temporary, server.serve_hub() as hub:
        out = Path(temporary) / "contextual"
        built = measure(nastdata("build", "contextual", "--out", str(out)))
        print(f"built in {built.seconds:.0f} s")
        env = {
            **os.environ,
            "HF_ENDPOINT": hub.endpoint,
            "HF_TOKEN": server.TOKEN,
            "HF_HOME": str(Path(temporary) / "hf"),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }
        start = time.monotonic()
        subprocess.run(nastdata("publish", str(out), "--repo", "lab/contextual"), env=env, check=True)
        print(f"checked and published in {time.monotonic() - start:.0f} s")
        digests = []
        for where in (str(out), "lab/contextual"):
            command = [sys.executable, "-c", DIGEST, where]
            done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
            digests.append(done.stdout)
        print(digests[1])
        print("rows identical" if digests[0] == digests[1] else "ROWS DIFFER")
        sys.exit(digests[0] != digests[1])


if __name__ == "__main__":
    main()
