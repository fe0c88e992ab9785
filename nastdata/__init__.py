"""Datasets that test and teach negation in medical vision-language models."""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["__version__"]
