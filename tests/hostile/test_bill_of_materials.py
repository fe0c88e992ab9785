"""The bill of materials lists what is installed, and old versions are found on the list of weaknesses."""

from __future__ import annotations

import csv
import importlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def bill(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    return importlib.import_module("bill_of_materials")


def test_all_that_is_needed_is_listed_once(bill: Any) -> None:
    document = bill.describe(bill.find_installed())
    listed = {c["name"]: c for c in document["components"]}
    assert len(listed) == len(document["components"]) > 20
    for name in ("polars", "pyarrow", "pydantic", "click", "pyyaml", "jinja2", "pillow", "numpy"):
        assert listed[name]["version"] == version(name)
    refs = {c["bom-ref"] for c in [*document["components"], document["metadata"]["component"]]}
    assert all(d["ref"] in refs and set(d["dependsOn"]) <= refs for d in document["dependencies"])
    assert json.dumps(document) == json.dumps(bill.describe(bill.find_installed()))
    assert "pytest" in listed or "hypothesis" not in listed, "extras that are installed are listed"


@pytest.mark.parametrize(
    ("package", "installed", "weak"),
    [
        ("torch", "2.5.1", True),
        ("torch", "2.6.0", False),
        ("pyyaml", "5.3.1", True),
        ("pyarrow", "14.0.0", True),
        ("pyarrow", "20.0.0", False),
        ("pillow", "11.2.1", True),
        ("pillow", "12.0.0", False),
        ("jinja2", "3.1.5", True),
    ],
)
def test_old_versions_are_found(bill: Any, package: str, installed: str, weak: bool) -> None:
    assert bool(list(bill.find_weaknesses({package: installed}))) is weak


def test_nothing_that_is_installed_here_is_on_the_list(bill: Any) -> None:
    found = bill.find_installed()
    assert not list(bill.find_weaknesses({n: p.version for n, (p, _) in found.items()}))


def test_every_line_of_the_list_is_whole(bill: Any) -> None:
    from packaging.specifiers import SpecifierSet

    with bill.LIST.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) >= 20 and rows == sorted(rows, key=lambda r: r["package"])
    for row in rows:
        assert SpecifierSet(row["versions"]) and row["name"].startswith("CVE-") and row["what"]
        assert bill.normalise(row["package"]) == row["package"]
