"""Build a small dataset by the real command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def build_small(out: Path, recipe: str, *more: str) -> Path:
    command = [sys.executable, "-m", "nastdata", "build", recipe, "--out", str(out), *more]
    command += ["--set", "phantom_patients=700"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return out
