"""No library phones home: downloads, telemetry and version pings are off unless the user turns them on."""

from __future__ import annotations

import os

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


def go_offline() -> None:
    """Set the variables that the user has not set; before any of the libraries is imported."""
    chosen = os.environ.get("HF_HUB_OFFLINE")
    for name, value in OFFLINE.items():
        if chosen in ("0", "false", "no") and name in ("HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
            continue  # one variable is enough to go online
        os.environ.setdefault(name, value)


def is_offline() -> bool:
    """Whether downloads from the Hugging Face Hub are off."""
    return os.environ.get("HF_HUB_OFFLINE", "0") not in ("0", "false", "no", "")
