"""The texts of a DICOM header that name a person or a place: what must be found nowhere else."""

from __future__ import annotations

from itertools import permutations
from typing import IO, Any

from nastdata.images.decoding.dicom import open_dataset, quiet_pydicom

PERSON = "PN"
KEYWORDS = (
    "PatientID",
    "OtherPatientIDs",
    "IssuerOfPatientID",
    "PatientBirthName",
    "PatientAddress",
    "PatientTelephoneNumbers",
    "PatientComments",
    "AdditionalPatientHistory",
    "MilitaryRank",
    "CountryOfResidence",
    "RegionOfResidence",
    "Occupation",
    "PatientReligiousPreference",
    "AccessionNumber",
    "InstitutionName",
    "InstitutionAddress",
    "InstitutionalDepartmentName",
    "StationName",
    "StudyID",
    "ImageComments",
    "InsurancePlanIdentification",
    "MedicalRecordLocator",
    "ReferringPhysicianAddress",
    "ReferringPhysicianTelephoneNumbers",
)
"""Other fields of the standard's confidentiality profile (PS3.15, table E.1-1) that hold free text."""
SHORT = 5
"""Digits of a number that may be anything."""
PLAIN = {"chest", "thorax", "unknown", "anonymous", "anonymized", "anonymised", "removed", "none"}
"""Values that name nobody."""
NAMES, LETTERS = 3, 3
"""Parts of a name before titles (last, first, middle); letters of one that is looked for in a pair."""


def list_dicom_names(stream: IO[bytes]) -> set[str]:
    """Return persons' names, whole and in both orders, and the other texts of a header that identify.

    A header that can't be read names nobody. Pixels are not read.
    """
    try:
        with quiet_pydicom():
            dataset = open_dataset(stream, header_only=True)
            return {text for text in _walk(dataset) if text.strip() and text.lower() not in PLAIN}
    except Exception:  # a file that can't be parsed is refused elsewhere
        return set()


def _walk(dataset: Any) -> set[str]:
    out: set[str] = set()
    for element in dataset.iterall():
        if element.VR == PERSON:
            for value in _values(element):
                out |= _spell(value)
        elif element.keyword in KEYWORDS:
            out |= {v for v in _values(element) if not v.isdigit() or len(v) > SHORT}
    return out


def _values(element: Any) -> list[str]:
    value = element.value
    many = value if element.VM > 1 else [value]
    return [str(v).strip() for v in many if v is not None]


def _spell(name: str) -> set[str]:
    """Spell a name as it is, and as people write it: DOE^JANE, Doe, Jane, Jane Doe, Jane Ann Doe, Ann Doe.

    Of first, last and middle name: any order of all, and of any two with three letters or more.
    """
    out = {name}
    for group in name.split("="):
        parts = [p.strip() for p in group.split("^")[:NAMES] if p.strip()]
        if len(parts) > 1:
            last, first = parts[:2]
            out |= {f"{last}, {first}", f"{last}^{first}", f"{last} {first}", f"{first} {last}"}
            out |= {" ".join(order) for order in permutations(parts)}
            out |= {" ".join(two) for two in permutations([p for p in parts if len(p) >= LETTERS], 2)}
        elif parts:
            out.add(parts[0])
    return out
