"""What an export is: a format that another tool reads, and the function that writes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nastdata.exports.job import Job

TRAINING = ("train", "validation")


@dataclass(frozen=True)
class Export:
    """One format; an entry point of the group ``nastdata.exports`` names it."""

    reads: str
    """Which tool reads it, and what it holds, in a few words."""
    needs: str
    """Configs that it can be made of, in words."""
    how: str
    """Markdown for the export's README: the tool's commands; ``{out}`` becomes the export's folder."""
    write: Callable[[Job], None]
    """Fills ``job.out`` and counts rows in ``job.account``."""
    splits: tuple[str, ...] = TRAINING
    """Splits that it holds unless told otherwise; training formats hold what is trained on."""
