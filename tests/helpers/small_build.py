"""Settings of a build that takes seconds."""

from __future__ import annotations

from typing import Any

SMALL: dict[str, Any] = {"limit": 24, "phantom_patients": 240, "audit": {"enabled": False}}
