"""What training never sees, and the test sets made of it."""

from __future__ import annotations

from pathlib import Path

from experiment.sizes import Size
from nastdata.progress import Progress

TESTS: dict[str, str] = {
    # name of a dataset folder under data/ -> what is new in it, in a clause. The folder has rows of split
    # "test" in the product's own columns (contextual_claims, with claim_negations; contextual_captions ...).
}


def hold_out(built: Path, out: Path, size: Size) -> None:
    """Write a dataset folder without the frames, conditions, cues and places that are kept for the tests.

    Training and validation rows are worded again in the frames and cues that are left (the same facts, the
    same row ids); rows of held-out conditions and places are left out. Test rows are worded as training rows
    are, and stay in: they are the test "as trained".

    Args:
        built: What ``nastdata build contextual`` wrote.
        out: The folder to write; it opens with ``open_data`` and its images are those of ``built``.
        size: Of the study.
    """
    raise NotImplementedError


def make_tests(out: Path, size: Size, progress: Progress) -> None:
    """Write the test folders ``out/data/NAME`` for each name of ``TESTS``, those that are not there yet."""
    raise NotImplementedError
