"""The dataset tests' rows, for the report's tests too."""

from __future__ import annotations
