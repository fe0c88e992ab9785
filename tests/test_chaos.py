"""A small version of ``make chaos``: each fault once, the common ones more often."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from chaos.builds import SMALL, Lab
from chaos.table import FAULTS, draw_table, try_faults

QUICK = ("kill -9", "files too large", "two builds into one folder", "a stage or shard damaged")
"""Of the default tests; the others take their turn with ``-m slow`` and ``make chaos``."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    yield Lab.open(tmp_path_factory.mktemp("chaos"), SMALL, seed=5)


def check(lab: Lab, name: str, rounds: float) -> None:
    (row,) = try_faults(lab, rounds, (name,))
    if row.left_out:
        pytest.skip(row.left_out)
    assert row.trials, f"{name} never came in time"
    assert not row.failed, row.trials
    assert f"| {name} |" in draw_table([row])


@pytest.mark.parametrize("name", QUICK)
def test_nothing_is_lost(lab: Lab, name: str) -> None:
    check(lab, name, 0.25)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in FAULTS if n not in QUICK])
def test_nothing_is_lost_by_rarer_faults(lab: Lab, name: str) -> None:
    check(lab, name, 1)
