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
_PHYSIONET = "PhysioNet Credentialed Health Data Use Agreement 1.5.0"
_UNDER_MIMIC = "Made from MIMIC-CXR: no sharing with third parties; derived data go under the same agreement."
MIMIC_CXR_REPORTS = Terms(
    licence=_PHYSIONET,
    may_leave_machine=False,
    may_publish="no",
    citation="Johnson et al., MIMIC-CXR, a de-identified publicly available database of chest radiographs "
    "with free-text reports, Scientific Data 2019",
    url="https://physionet.org/content/mimic-cxr/",
    note="No sharing with third parties; derived data go under the same agreement, on PhysioNet.",
)
CHEST_IMAGENOME = Terms(
    licence=_PHYSIONET,
    may_leave_machine=False,
    may_publish="no",
    citation="Wu et al., Chest ImaGenome Dataset for Clinical Reasoning, NeurIPS Datasets and Benchmarks "
    "2021",
    url="https://physionet.org/content/chest-imagenome/",
    note=_UNDER_MIMIC + " Scene graphs were read from reports by rules, not by radiologists.",
)
CXR_LT = Terms(
    licence=_PHYSIONET,
    may_leave_machine=False,
    may_publish="no",
    citation="Holste et al., Towards long-tailed, multi-label disease classification from chest X-ray: "
    "Overview of the CXR-LT challenge, Medical Image Analysis 2024",
    url="https://physionet.org/content/cxr-lt-iccv-workshop-cvamd/",
    note=_UNDER_MIMIC,
)
MAPLEZ = Terms(
    licence="cc-by-nc-4.0; the MIMIC-CXR part also under " + _PHYSIONET,
    may_leave_machine=False,
    may_publish="no",
    citation="Lanfredi et al., Enhancing chest X-ray datasets with privacy-preserving large language models "
    "and multi-type annotations: A data-driven approach for improved classification, Medical Image "
    "Analysis 2025",
    url="https://github.com/rsummers11/CADLab/tree/master/MAPLEZ_LLM_report_labeler",
    note="Read from reports by a language model, not by radiologists.",
)
MAPLEZ_NIH = Terms(
    licence="cc-by-nc-4.0",
    may_leave_machine=True,
    may_publish="private",
    citation=MAPLEZ.citation,
    url=MAPLEZ.url,
    note="Read from reports by a language model, not by radiologists. Acknowledge the NIH Clinical Center.",
)
BRAX = Terms(
    licence=_PHYSIONET,
    may_leave_machine=False,
    may_publish="no",
    citation="Reis et al., BRAX, Brazilian labeled chest x-ray dataset, Scientific Data 2022",
    url="https://physionet.org/content/brax/",
    note="Labels were read from Portuguese reports by rules; no sharing with third parties.",
)
CHEXPERT_PLUS = Terms(
    licence="Stanford University Dataset Research Use Agreement",
    may_leave_machine=False,
    may_publish="private",
    citation="Chambon et al., CheXpert Plus: Augmenting a Large Chest X-ray Dataset with Text Radiology "
    "Reports, Patient Demographics and Additional Image Formats, arXiv:2405.19538",
    url="https://github.com/Stanford-AIMI/chexpert-plus",
    note="Research use; no redistribution without permission.",
)
NIH = Terms(
    licence="NIH Clinical Center: no restrictions on use, attribution required",
    may_leave_machine=True,
    may_publish="private",
    citation="Wang et al., ChestX-ray8: Hospital-scale Chest X-ray Database and Benchmarks on "
    "Weakly-Supervised Classification and Localization of Common Thorax Diseases, CVPR 2017",
    url="https://nihcc.app.box.com/v/ChestXray-NIHCC",
    note="Acknowledge the NIH Clinical Center and link to its download site. Labels were mined from reports.",
)
NIH_ADJUDICATED = Terms(
    licence="NIH Clinical Center: no restrictions on use, attribution required",
    may_leave_machine=True,
    may_publish="private",
    citation="Majkowska et al., Chest Radiograph Interpretation with Deep Learning Models: Assessment with "
    "Radiologist-adjudicated Reference Standards and Population-adjusted Evaluation, Radiology 2020",
    url="https://cloud.google.com/healthcare-api/docs/resources/public-datasets/nih-chest",
    note="Acknowledge the NIH Clinical Center and link to its download site.",
)
VINDR_CXR = Terms(
    licence="PhysioNet Credentialed Health Data License 1.5.0; the Kaggle copy: competition rules",
    may_leave_machine=False,
    may_publish="no",
    citation="Nguyen et al., VinDr-CXR: An open dataset of chest X-rays with radiologist's annotations, "
    "Scientific Data 2022",
    url="https://physionet.org/content/vindr-cxr/",
    note="No sharing with third parties.",
)
SIIM_ACR = Terms(
    licence="SIIM-ACR Pneumothorax Segmentation competition rules (Kaggle)",
    may_leave_machine=False,
    may_publish="private",
    citation="Filice et al., Crowdsourcing pneumothorax annotations using machine learning annotations on "
    "the NIH chest X-ray dataset, Journal of Digital Imaging 2020",
    url="https://www.kaggle.com/c/siim-acr-pneumothorax-segmentation",
    note="Research use; no redistribution.",
)
RSNA = Terms(
    licence="RSNA Pneumonia Detection Challenge terms of use (Kaggle)",
    may_leave_machine=False,
    may_publish="private",
    citation="Shih et al., Augmenting the National Institutes of Health Chest Radiograph Dataset with Expert "
    "Annotations of Possible Pneumonia, Radiology: Artificial Intelligence 2019",
    url="https://www.kaggle.com/c/rsna-pneumonia-detection-challenge",
    note="Research use; no redistribution.",
)
PADCHEST_GR = Terms(
    licence="PadChest-GR Dataset Research Use Agreement",
    may_leave_machine=False,
    may_publish="private",
    citation="de Castro et al., PadChest-GR: A Bilingual Chest X-ray Dataset for Grounded Radiology Report "
    "Generation, NEJM AI 2025",
    url="https://bimcv.cipf.es/bimcv-projects/padchest-gr/",
    note="Research use; no redistribution without permission.",
)
REXGRADIENT = Terms(
    licence="ReXGradient-160K Non-Commercial Data Access and Use Agreement",
    may_leave_machine=False,
    may_publish="private",
    citation="Zhang et al., ReXGradient-160K: A Large-Scale Publicly Available Dataset of Chest Radiographs "
    "with Free-text Reports, arXiv:2505.00228",
    url="https://huggingface.co/datasets/rajpurkarlab/ReXGradient-160K",
    note="Non-commercial research, not for use on patients; recognise the repository and Gradient Health as "
    "the source in what you publish.",
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
