"""What a study's labels and words say together: denials as wide as they were, places that belong."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import polars as pl
import pytest

from nastdata.ontology import Ontology
from nastdata.reading.api import parse
from nastdata.records import KIN, Fact
from nastdata.sources import get_source
from nastdata.sources.base import Loaded, Options
from nastdata.sources.denials import narrow, settle
from nastdata.sources.normal_findings import find_normal
from nastdata.sources.padchest.report_text import ReportSentences
from nastdata.sources.places import is_partial, read_map
from nastdata.sources.report_facts import ReportReader

PADCHEST, OPENI = get_source("padchest"), get_source("openi")
COLUMNS = (
    "",
    "ImageID",
    "StudyID",
    "PatientID",
    "Projection",
    "Labels",
    "LabelsLocalizationsBySentence",
    "Report",
)


def denied(text: str, ontology: Ontology) -> dict[str, str | None]:
    facts = narrow(parse(text, ontology=ontology).facts, text, ontology)
    return {f.condition: f.qualifier for f in facts if f.existence == "absent"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("No consolidation.", {"Consolidation": None}),
        ("No focal consolidation, pleural effusion or pneumothorax.",
         {"Consolidation": "focal", "Pleural Effusion": None, "Pneumothorax": None}),
        ("No definite pneumothorax or pleural effusion.",
         {"Pneumothorax": "definite", "Pleural Effusion": "definite"}),
        ("No acute fracture.", {"Fracture": "acute"}),
        ("No displaced rib fracture.", {"Fracture": "displaced"}),
        ("No infiltrate.", {"Lung Opacity": "infiltrate"}),
        ("No airspace disease.", {"Lung Opacity": "airspace disease"}),
        ("No lung opacity.", {"Lung Opacity": None}),
        ("No suspicious nodule.", {"Lung Lesion": "suspicious"}),
        ("No pulmonary nodules.", {"Lung Lesion": "pulmonary nodules"}),
        ("No chest tube.", {"Support Devices": "chest tube"}),
        ("No pleural thickening.", {"Pleural Other": "pleural thickening"}),
        ("No focus of consolidation.", {"Consolidation": "focal"}),
        ("No focal opacity to suggest pneumonia.", {"Lung Opacity": "focal", "Pneumonia": "focal"}),
    ],
)  # fmt: skip
def test_a_denial_is_as_wide_as_its_words(
    text: str, wanted: dict[str, str | None], ontology: Ontology
) -> None:
    assert denied(text, ontology) == wanted


def test_nodules_and_masses_together_are_lesions(ontology: Ontology) -> None:
    text = "No nodules or masses."
    assert Fact("Lung Lesion", "absent") in narrow(parse(text, ontology=ontology).facts, text, ontology)


@pytest.mark.parametrize("row", read_map("narrow_names"), ids=lambda r: str(r["condition"]))
def test_every_narrower_name_has_a_true_example(row: dict[str, str], ontology: Ontology) -> None:
    found = denied(f"{row['example'].capitalize()}.", ontology)
    assert found[row["condition"]] is not None


@pytest.mark.parametrize("row", read_map("partial_places"), ids=lambda r: str(r["example"]))
def test_where_most_of_a_finding_is(row: dict[str, str]) -> None:
    assert is_partial(row["example"], row["language"])
    assert not is_partial("effusion on the left", row["language"])


@pytest.mark.parametrize("row", read_map("spanish_qualifiers"), ids=lambda r: str(r["stem"]))
def test_spanish_denials_keep_their_qualifier(row: dict[str, str], ontology: Ontology) -> None:
    (sentence,) = ReportSentences(ontology).read(f" {row['example']} . ")
    assert all(f.qualifier is not None for f in sentence.facts if f.existence == "absent")


NORMAL = [r for r in read_map("normal_findings") if r["example"]]


@pytest.mark.parametrize("row", NORMAL, ids=lambda r: str(r["example"]))
def test_what_is_called_normal_is_denied(row: dict[str, str], ontology: Ontology) -> None:
    found = find_normal([row["example"]], row["language"], ontology)
    assert {f.condition for f in found} == set(row["conditions"].split(";"))
    assert all(f == Fact(f.condition, "absent") for f in found)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Heart size is upper limits of normal.", "en"),
        ("Heart size is borderline, mediastinum normal.", "en"),
        ("The heart is enlarged, pulmonary vascularity within normal limits.", "en"),
        ("The heart is not normal in size.", "en"),
        ("Abnormal cardiac silhouette.", "en"),
        ("The heart size was normal on the prior study.", "en"),
        ("The heart size is XXXX normal.", "en"),
        ("Heart XXXX is normal.", "en"),
        ("Heart size is probably normal.", "en"),
        ("Heart size normal, but the mediastinum is wide.", "en"),
        ("Heart size is normal for technique.", "en"),
        ("The lungs are clear.", "en"),
        ("The heart and lungs are stable.", "en"),
        ("Blunted costophrenic angles, otherwise normal.", "en"),
        ("indic cardiotorac limit alto normal", "es"),
        ("indic cardiotorac limit normal", "es"),
        ("siluet cardiomediastin parenquim pulmonar sin alter signific", "es"),
        ("sen costofren no libr", "es"),
        ("siluet cardiac normal", "en"),
    ],
)
def test_what_is_not_quite_normal_says_nothing(text: str, language: str, ontology: Ontology) -> None:
    assert find_normal([text], language, ontology) == []


def test_a_normal_heart_is_read_from_findings_only(ontology: Ontology) -> None:
    reader = ReportReader(ontology)
    heart = Fact("Cardiomegaly", "absent")
    assert reader.read(["FINDINGS: Heart size is normal. No pneumothorax."], "s") == [
        Fact("Pneumothorax", "absent"),
        heart,
    ]
    assert heart not in reader.read(["HISTORY: heart size is normal. FINDINGS: No pneumothorax."], "s")
    both = reader.read(["Cardiomegaly. Heart size is normal."], "s")
    assert both == [], "stated and denied: uncertain"


def test_the_other_side_is_not_free_of_what_is_mostly_on_one(ontology: Ontology) -> None:
    reader = ReportReader(ontology)
    assert reader.read(["Pleural effusion, predominantly on the left."], "s") == [
        Fact("Pleural Effusion", "present")
    ]
    assert reader.read(["Bilateral pleural effusions, left greater than right."], "s") == [
        Fact("Pleural Effusion", "present", "bilateral")
    ]


def test_what_is_both_stated_and_denied_is_uncertain(ontology: Ontology) -> None:
    from collections import Counter

    counts: Counter[str] = Counter()
    edema = Fact("Edema", "present")
    given = [edema, Fact("Edema", "absent"), Fact("Consolidation", "absent", qualifier="focal")]
    assert settle(given, ontology, counts) == [
        Fact("Consolidation", "absent", qualifier="focal"),
        Fact("Edema", "uncertain"),
    ]
    # the plain denial holds beside a qualified one; a kind of it forbids the denial
    both = [Fact("Consolidation", "absent"), Fact("Consolidation", "absent", qualifier="focal")]
    assert settle(both, ontology, counts) == both[:1]
    assert settle([Fact("Consolidation", "uncertain"), Fact("Lung Opacity", "absent")], ontology, counts) == [
        Fact("Consolidation", "uncertain")
    ]


def load_padchest(folder: Path, ontology: Ontology, rows: list[tuple[str, str]], **options: object) -> Loaded:
    """Load studies of (label list, report), one image each."""
    path = folder / "PADCHEST_test.csv.gz"
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for i, (labels, report) in enumerate(rows):
            writer.writerow([i, f"i{i}.png", f"s{i}", f"p{i}", "PA", "[]", labels, report])
    return PADCHEST.load_facts(path, ontology, Options(**options))  # type: ignore[arg-type]


def said(loaded: Loaded, condition: str) -> list[tuple[str | None, ...]]:
    own = loaded.frame.filter(pl.col("condition") == condition)
    return own.select("existence", "location", "qualifier").rows()


@pytest.mark.parametrize(
    ("labels", "report", "condition", "facts"),
    [
        # alone in its sentence: the place is its own
        ("['infiltrates', 'loc right', 'loc basal']", " infiltr basal derech . ", "Lung Opacity",
         [("present", "right lung base", None)]),
        # a catheter's side is not the pneumonia's
        ("['central venous catheter', ' pneumonia', 'loc right']", " cateter derech neumoni . ", "Pneumonia",
         [("present", None, None)]),
        # the text gives the shared place to one of them
        ("['cardiomegaly', ' pleural effusion', 'loc left']", " cardiomegali derram pleural izquierd . ",
         "Pleural Effusion", [("present", "left", None)]),
        # most of it is on the left
        ("['infiltrates', 'loc left']", " infiltr predomini izquierd . ", "Lung Opacity",
         [("present", None, None)]),
        # the label's own name has the side
        ("['pleural effusion left side']", " derram pleural izquierd . ", "Pleural Effusion",
         [("present", "left", None)]),
        # the text denies what the label names
        ("['pleural effusion']", " no derram pleural . ", "Pleural Effusion", [("uncertain", None, None)]),
        # the text doubts it
        ("['pneumonia']", " descart neumoni . ", "Pneumonia", [("uncertain", None, None)]),
        # denials come from the text, as wide as it has them
        ("['cardiomegaly', 'normal']", " cardiomegali . no derram pleural . ", "Pleural Effusion",
         [("absent", None, None)]),
        ("['cardiomegaly', 'normal']", " cardiomegali . no derram signific . ", "Pleural Effusion",
         [("absent", None, "significant")]),
        # a label of its kind makes a denial impossible
        ("['costophrenic angle blunting', 'normal']", " pinzamient sen costofren . no derram pleural . ",
         "Pleural Effusion", []),
    ],
)  # fmt: skip
def test_padchest_labels_and_text(
    tmp_path: Path,
    ontology: Ontology,
    labels: str,
    report: str,
    condition: str,
    facts: list[tuple[str | None, ...]],
) -> None:
    other = ("['pneumothorax', 'loc left']", " neumotorax izquierd . ")
    loaded = load_padchest(tmp_path, ontology, [(labels, report), other])
    own = loaded.frame.filter((pl.col("study_id") == "s0") & (pl.col("condition") == condition))
    definite = loaded.frame.filter((pl.col("study_id") == "s0") & (pl.col("existence") != "uncertain"))
    if definite.is_empty():  # nothing definite is known of the study: it is left out as a whole
        facts = []
    assert own.select("existence", "location", "qualifier").rows() == facts


def test_broad_and_kin_labels_block(tmp_path: Path, ontology: Ontology) -> None:
    blunted = "['pleural effusion', 'loc left', 'costophrenic angle blunting', 'loc right']"
    loaded = load_padchest(
        tmp_path,
        ontology,
        [
            (blunted, " derram pleural izquierd . pinzamient sen derech . "),
            (
                "['consolidation', 'loc left', 'infiltrates', 'loc right']",
                " condens izquierd . infiltr derech . ",
            ),
        ],
    )
    assert ("uncertain", "right", None) in said(loaded, "Pleural Effusion")
    assert ("uncertain", "right", KIN) in said(loaded, "Consolidation")


def test_without_a_report_column_the_labels_stand_alone(tmp_path: Path, ontology: Ontology) -> None:
    path = tmp_path / "PADCHEST_test.csv"
    path.write_text(
        "ImageID,StudyID,PatientID,Labels,LabelsLocalizationsBySentence\n"
        "a.png,s,p,['pneumonia'],\"['pneumonia', 'loc left']\"\n"
    )
    loaded = PADCHEST.load_facts(path, ontology, Options())
    assert said(loaded, "Pneumonia") == [("present", "left", None)]
    assert "no column Report" in loaded.notes[0]


def test_agreement_is_counted_by_condition(tmp_path: Path, ontology: Ontology) -> None:
    rows = [("['pleural effusion']", " derram pleural . "), ("['pleural effusion']", " no derram pleural . ")]
    witness = load_padchest(tmp_path, ontology, [*rows, *rows]).report["second_witness"]
    assert isinstance(witness, dict)
    table = witness["labels name it, the text reads"]
    assert table["Pleural Effusion"] == {"present": 2, "absent": 2}


def test_qualifiers_are_dropped_where_the_recipe_allows_it(tmp_path: Path, ontology: Ontology) -> None:
    rows = [("['cardiomegaly', 'normal']", " cardiomegali . no derram signific . ")]
    loaded = load_padchest(tmp_path, ontology, rows, strength=("exact", "broad"))
    assert said(loaded, "Pleural Effusion") == [("absent", None, None)]


def openi_xml(headings: list[str], findings: str) -> bytes:
    major = "".join(f"<major>{h}</major>" for h in headings)
    return (
        f'<eCitation><uId id="CXR1"/><Abstract><AbstractText Label="FINDINGS">{findings}</AbstractText>'
        f'</Abstract><MeSH>{major}</MeSH><parentImage id="CXR1_IM-1"/></eCitation>'
    ).encode()


@pytest.mark.parametrize(
    ("headings", "text", "condition", "facts"),
    [
        (["normal"], "No focal consolidation.", "Consolidation", [("absent", None, "focal")]),
        (["Pleural Effusion/left"], "Left pleural effusion. No pneumothorax.", "Pleural Effusion",
         [("present", "left", None)]),
        (["Pleural Effusion/left"], "Bilateral pleural effusions. No pneumothorax.", "Pleural Effusion",
         [("present", None, None)]),
        (["Pleural Effusion/left"], "No pleural effusion. No pneumothorax.", "Pleural Effusion",
         [("uncertain", None, None)]),
        (["Opacity/lung/left"], "Opacities, more on the left. No pneumothorax.", "Lung Opacity",
         [("present", None, None)]),
        (["Calcified Granuloma/lung/right"], "Granuloma. No lung lesions. No pneumothorax.", "Lung Lesion",
         [("uncertain", "right lung", None)]),
    ],
)  # fmt: skip
def test_openi_headings_and_text(
    tmp_path: Path,
    ontology: Ontology,
    headings: list[str],
    text: str,
    condition: str,
    facts: list[tuple[str | None, ...]],
) -> None:
    (tmp_path / "1.xml").write_bytes(openi_xml(headings, text))
    assert said(OPENI.load_facts(tmp_path, ontology, Options()), condition) == facts
