"""Images are opened in ``nastdata/images`` and nowhere else."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "nastdata"
OPENERS = {"dcmread", "open_dataset", "read_raster", "read_dicom"}


def list_openings(path: Path) -> list[str]:
    """Calls that decode an image file: ``Image.open``, ``dcmread`` and the like."""
    out = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called.endswith("Image.open") or called.split(".")[-1] in OPENERS:
                out.append(f"{path.relative_to(PACKAGE)}: {called}")
    return out


def test_no_other_module_opens_images() -> None:
    inside = PACKAGE / "images"
    others = [p for p in sorted(PACKAGE.rglob("*.py")) if not p.is_relative_to(inside)]
    assert [opening for p in others for opening in list_openings(p)] == []
    assert sum(len(list_openings(p)) for p in inside.rglob("*.py")) >= 4, "the test knows what to look for"


def test_only_two_modules_know_a_library_of_formats() -> None:
    found = {o.split(":")[0] for p in sorted((PACKAGE / "images").rglob("*.py")) for o in list_openings(p)}
    assert {f.rpartition("/")[0] for f in found} == {"images/decoding"}
