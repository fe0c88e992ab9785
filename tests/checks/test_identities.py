"""Ids and paths that could name a person are found before a dataset is passed on."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nastdata.checks.identities.likely_names import find_likely_names, list_words

PEOPLE = ["Doe", "Müller", "Okafor", "Nguyen", "Roe", "García", "Lindqvist", "van Dyk", "Иванова"]


def frame(**columns: list[str]) -> pl.DataFrame:
    n = len(next(iter(columns.values())))
    return pl.DataFrame({"patient_id": [f"P{i:05d}" for i in range(n)]} | columns)


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from(PEOPLE),
    st.integers(0, 59),
    st.sampled_from(["{} Jane", "{}^JANE", "{}_7", "x-{}", "{}1965"]),
)
def test_a_name_among_many_paths_is_found(name: str, at: int, shape: str) -> None:
    paths = [f"images/ward3/patient{i:05d}/view1_frontal.png" for i in range(60)]
    assert find_likely_names(frame(image=paths)) == []
    paths[at] = f"images/{shape.format(name)}.png"
    (found,) = find_likely_names(frame(image=paths))
    assert found.column == "image" and name.split()[-1].lower() in str(found).lower()


@pytest.mark.parametrize(
    "pattern",
    [
        "p10/p{0:08d}/s{0:08d}/{0:08x}-{0:08x}-deadbeef.jpg",
        "CheXpert-v1.0-small/train/patient{0:05d}/study1/view1_frontal.jpg",
        "images_{0:03d}/{0:08d}_000.png",
        "1.2.840.113619.2.5.{0}.dcm",
        "CXR{0}_IM-{0:04d}-1001.png",
        "{0:05d}_Philips_portable.png",
        "Radiology/Export/IM{0:04d}",
        "sub-{0:04d}/ses-01/cxr.png",
    ],
)
def test_the_paths_of_archives_name_nobody(pattern: str) -> None:
    assert find_likely_names(frame(image=[pattern.format(i) for i in range(80)])) == []


def test_patient_ids_that_are_names_are_found() -> None:
    people = pl.DataFrame({"patient_id": [f"{n}, Jane" for n in PEOPLE]})
    (found,) = find_likely_names(people)
    assert found.words == len(PEOPLE) + 1 or found.words == len(PEOPLE)
    assert list_words("DOE^JANE") == ["doe", "jane"]
