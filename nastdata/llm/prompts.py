"""The prompts under ``prompts/``: rendered, versioned, hashed."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from nastdata.resources import find_resource


@lru_cache(maxsize=1)
def _environment() -> Environment:
    # Prompts are plain text for a model, never HTML: escaping would change the words.
    return Environment(  # noqa: S701
        loader=FileSystemLoader(find_resource("prompts")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(name: str, **values: Any) -> str:
    """Return a prompt with its values filled in; a missing value is an error, never an empty string."""
    return _environment().get_template(f"{name}.j2").render(**values).strip()


@lru_cache(maxsize=16)
def describe_prompt(name: str) -> tuple[str, str]:
    """Return (version, sha256) of a prompt file, for lineage."""
    source = (find_resource("prompts") / f"{name}.j2").read_text(encoding="utf-8")
    version = re.search(r"version: (\d+)", source)
    return (version.group(1) if version else "0"), hashlib.sha256(source.encode()).hexdigest()
