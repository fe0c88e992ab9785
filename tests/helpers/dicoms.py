"""Made-up DICOM files, of phantom radiographs: any depth, window, table, syntax, and planted names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from nastdata.images.phantom import render
from nastdata.records import Fact

PLANTED = {
    "PatientName": "QXPLANT^NAMEA",
    "PatientID": "QXPLANTID0001",
    "OtherPatientIDs": "QXPLANTID0002",
    "PatientBirthName": "QXPLANT^MAIDEN",
    "PatientMotherBirthName": "QXPLANT^MOTHER",
    "PatientAddress": "QXPLANT STREET 5",
    "PatientTelephoneNumbers": "QXPLANT-555-0199",
    "PatientComments": "QXPLANT COMMENT ONE",
    "AdditionalPatientHistory": "QXPLANT HISTORY TWO",
    "Occupation": "QXPLANT JOB",
    "ReferringPhysicianName": "QXPLANT^DOCTOR",
    "PerformingPhysicianName": "QXPLANT^PERFORMER",
    "OperatorsName": "QXPLANT^OPERATOR",
    "NameOfPhysiciansReadingStudy": "QXPLANT^READER",
    "InstitutionName": "QXPLANT HOSPITAL",
    "InstitutionAddress": "QXPLANT ROAD 7",
    "InstitutionalDepartmentName": "QXPLANT WARD",
    "StationName": "QXPLANTSTATION",
    "AccessionNumber": "QXPLANTACC",
    "StudyDescription": "QXPLANT STUDY",
    "SeriesDescription": "QXPLANT SERIES",
    "ImageComments": "QXPLANT IMAGE COMMENT",
    "ProtocolName": "QXPLANT PROTOCOL",
}
"""Field -> a text that must be found nowhere else."""
MARK = b"QXPLANT"


def draw(seed: int = 3, size: int = 128) -> np.ndarray:
    """A phantom radiograph, (size, size) uint8."""
    return render([Fact("Pleural Effusion", "present", "left", "large")], seed, size)


def make_dicom(
    values: np.ndarray,
    *,
    bits: int | None = None,
    photometric: str = "MONOCHROME2",
    syntax: str = ExplicitVRLittleEndian,
    planted: bool = False,
    **fields: Any,
) -> Dataset:
    """Wrap stored values as a DICOM object; ``fields`` are set as they are."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["nastdata", str(values.shape)])
    meta.TransferSyntaxUID = syntax
    ds = Dataset()
    ds.file_meta = meta
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    ds.Modality = "CR"
    ds.Rows, ds.Columns = values.shape[:2]
    ds.SamplesPerPixel = 1 if values.ndim == 2 else values.shape[2]
    if values.ndim == 3:
        ds.PlanarConfiguration = 0
    ds.PhotometricInterpretation = photometric
    ds.BitsAllocated = 8 * values.dtype.itemsize
    ds.BitsStored = bits or ds.BitsAllocated
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(np.issubdtype(values.dtype, np.signedinteger))
    ds.PixelData = values.tobytes()
    ds["PixelData"].VR = "OW" if values.dtype.itemsize > 1 else "OB"
    for name, value in {**(PLANTED if planted else {}), **fields}.items():
        setattr(ds, name, value)
    if planted:
        block = ds.private_block(0x0011, "QXPLANT MAKER", create=True)
        block.add_new(0x01, "LO", "QXPLANT PRIVATE")
    return ds


def save(ds: Dataset, path: Path) -> Path:
    """Write a file, with preamble and meta."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, ds, enforce_file_format=True)
    return path


def make_lut(entries: np.ndarray, first: int, bits: int) -> Dataset:
    """A lookup table's item."""
    item = Dataset()
    item.LUTDescriptor = [len(entries) % 65536, first, bits]
    item["LUTDescriptor"].VR = "US" if first >= 0 else "SS"
    item.LUTData = entries.astype("<u2").tobytes()
    item["LUTData"].VR = "OW"
    return item
