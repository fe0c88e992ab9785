"""A small version of ``benchmarks/load.py``: through every fault of a network, no question is lost."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai")


def test_no_question_is_lost_or_answered_wrongly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    load: Any = importlib.import_module("load")
    rates = {"429": 0.05, "500": 0.05, "hang": 0.01, "cut off": 0.05, "slow": 0.02}
    found = load.run(150, 16, 0.01, tmp_path, rates)
    assert found["answers kept"] == found["right"] == 150
    assert found["without an answer"] == 0
    assert set(found["faults"]) == set(rates), "every fault came"
    assert found["requests at the server"] > 150
    sys.modules.pop("load", None)
