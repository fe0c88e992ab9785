"""What the owners of each corpus allow. Their own text is what counts; see ``docs/terms.md``."""

from __future__ import annotations

from nastdata.terms import Terms

PHANTOM = Terms(
    licence="apache-2.0",
    may_leave_machine=True,
    may_publish="yes",
    citation="nastdata phantom: synthetic patients, drawn by the package",
    url="",
    note="Synthetic: no patient stands behind any row.",
)
CHEXPERT = Terms(
    licence="Stanford University Dataset Research Use Agreement",
    may_leave_machine=False,
    may_publish="private",
    citation="Irvin et al., CheXpert: A Large Chest Radiograph Dataset with Uncertainty Labels and Expert "
    "Comparison, AAAI 2019",
    url="https://stanfordmlgroup.github.io/competitions/chexpert/",
    note="Research use; no redistribution without permission.",
)
MIMIC_CXR = Terms(
    licence="PhysioNet Credentialed Health Data Use Agreement 1.5.0",
    may_leave_machine=False,
    may_publish="no",
    citation="Johnson et al., MIMIC-CXR-JPG, a large publicly available database of labeled chest "
    "radiographs, arXiv:1901.07042",
    url="https://physionet.org/content/mimic-cxr-jpg/",
    note="No sharing with third parties; derived data go under the same agreement, on PhysioNet.",
)
CAD_CHEST = Terms(
    licence="PhysioNet Credentialed Health Data Use Agreement 1.5.0",
    may_leave_machine=False,
    may_publish="no",
    citation="CAD-Chest: Comprehensive Annotation of Diseases based on MIMIC-CXR Radiology Report, PhysioNet",
    url="https://physionet.org/content/cad-chest/",
    note="Facts were read from the reports by rules, not by radiologists; later work of its authors reports "
    "a high error rate for such labels.",
)
OPENI = Terms(
    licence="cc-by-nc-nd-4.0",
    may_leave_machine=True,
    may_publish="private",
    citation="Demner-Fushman et al., Preparing a collection of radiology examinations for distribution and "
    "retrieval, JAMIA 2016",
    url="https://openi.nlm.nih.gov/",
    note="No derivatives: what is built from it is an adaptation, and stays private.",
)
PADCHEST = Terms(
    licence="PadChest Dataset Research Use Agreement",
    may_leave_machine=False,
    may_publish="private",
    citation="Bustos et al., PadChest: A large chest x-ray image dataset with multi-label annotated reports, "
    "Medical Image Analysis 2020",
    url="https://bimcv.cipf.es/bimcv-projects/padchest/",
    note="Research use; no redistribution without permission. About 27 % of the studies were labelled by "
    "physicians, the others by a model trained on those.",
)
