"""What every part of a description is made of: words as cells hold them, and no unknown keys."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Meaning = Literal["present", "absent", "uncertain", "not_mentioned"]
Word = Annotated[str, BeforeValidator(lambda v: write_word(v))]
Name = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]


def write_word(value: Any) -> Any:
    """Return a YAML scalar as the text of a cell: people do not quote 1, true and blank."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


class Part(BaseModel):
    """Base of every part of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
