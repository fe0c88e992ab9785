"""No library phones home: downloads, telemetry and version pings are off unless the user turns them on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "RAY_USAGE_STATS_ENABLED": "0",
    "NO_ALBUMENTATIONS_UPDATE": "1",
}
"""Environment variables and what they are set to where the user has not set them."""
HOW = "downloads are off: give a local folder, or set HF_HUB_OFFLINE=0 for this command"


@contextmanager
def offline(*, unless: bool = False) -> Iterator[None]:
    """Set the variables that the user has not set, and take them back in the end.

    To be entered before any of the libraries is imported.

    Args:
        unless: do nothing.
    """
    online = os.environ.get("HF_HUB_OFFLINE") in ("0", "false", "no")  # one variable is enough
    wanted = {} if unless else dict(OFFLINE)
    if online:
        wanted = {k: v for k, v in wanted.items() if k not in ("HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE")}
    added = {k: v for k, v in wanted.items() if k not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def is_offline() -> bool:
    """Whether downloads from the Hugging Face Hub are off."""
    return os.environ.get("HF_HUB_OFFLINE", "0") not in ("0", "false", "no", "")
