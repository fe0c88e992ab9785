"""The type of the ``run`` fixture; of a module of its own, since there are several ``conftest``."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

Run = Callable[..., subprocess.CompletedProcess[str]]
