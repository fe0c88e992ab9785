"""The libraries of the extra ``review``: imported when needed, with a plain word where one is missing."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from nastdata.errors import UserError


def need(module: str) -> Any:
    """Import a module of the extra.

    Raises:
        UserError: if it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as e:
        package = module.partition(".")[0]
        how = "pip install 'nastdata[review]'"
        raise UserError(f"a review needs {package}, which is not installed", how=how) from e
