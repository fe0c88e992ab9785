"""Datasets of one build share the patients that were drawn for the last one; other settings do not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nastdata.images.phantom import studies
from nastdata.resources import find_resource


def test_equal_settings_share_patients_and_others_do_not(tmp_path: Path) -> None:
    studies._drawn.clear()
    first = studies.find_phantom_images("chest_xray", 0, 20, 32)
    assert studies.find_phantom_images("chest_xray", 0, 20, 32) is first
    for other in (("chest_xray", 1, 20, 32), ("chest_xray", 0, 21, 32), ("chest_xray", 0, 20, 48)):
        assert studies.find_phantom_images(*other) is not first
    assert len(studies._drawn) <= studies.KEPT


def test_copies_of_an_ontology_share_patients_and_a_changed_file_does_not(tmp_path: Path) -> None:
    studies._drawn.clear()
    own = find_resource("ontologies") / "chest_xray.yaml"
    a, b = tmp_path / "a.yaml", tmp_path / "b.yaml"
    for copy in (a, b):
        shutil.copyfile(own, copy)
    first = studies.find_phantom_images(str(a), 0, 20, 32)
    assert studies.find_phantom_images(str(b), 0, 20, 32) is first
    b.write_text(b.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    assert studies.find_phantom_images(str(b), 0, 20, 32) is not first


def test_large_builds_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    studies._drawn.clear()
    monkeypatch.setattr(studies, "KEPT_PATIENTS", 5)
    studies.find_phantom_images("chest_xray", 0, 6, 32)
    assert not studies._drawn
