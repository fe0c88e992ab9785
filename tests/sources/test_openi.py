"""Open-i: headings to facts, denials from the text, archives that are broken or hostile."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nastdata.errors import UserError
from nastdata.ontology import Ontology, load_ontology
from nastdata.sources import get_source
from nastdata.sources.base import Loaded, Options
from nastdata.sources.openi.headings import HeadingReader, HeadingTally
from nastdata.sources.places import read_map

SOURCE = get_source("openi")
KNEE = Path(__file__).parents[1] / "data" / "knee.yaml"


def xml(name: str, majors: list[str], findings: str = "", images: int = 1, impression: str = "") -> bytes:
    major = "".join(f"<major>{m}</major>" for m in majors)
    image = "".join(f'<parentImage id="{name}_IM-000{i}"/>' for i in range(images))
    return (
        f'<?xml version="1.0" encoding="utf-8"?><eCitation><uId id="{name}"/>'
        f"<MedlineCitation><Article><Abstract>"
        f'<AbstractText Label="INDICATION">no pneumonia?</AbstractText>'
        f'<AbstractText Label="FINDINGS">{findings}</AbstractText>'
        f'<AbstractText Label="IMPRESSION">{impression}</AbstractText></Abstract></Article></MedlineCitation>'
        f"<MeSH>{major}</MeSH>{image}</eCitation>"
    ).encode()


def load(folder: Path, ontology: Ontology, *reports: bytes, options: Options | None = None) -> Loaded:
    for i, data in enumerate(reports):
        (folder / f"{i}.xml").write_bytes(data)
    loaded = SOURCE.load_facts(folder, ontology, options or Options())
    assert loaded.rows_in == loaded.rows_out + len(loaded.rejects) + sum(loaded.left_out.values())
    return loaded


def said(loaded: Loaded) -> list[tuple[str | None, ...]]:
    """Return the facts that statements are made of: present ones, and plain denials."""
    plain = (pl.col("existence") != "uncertain") & pl.col("qualifier").is_null()
    return loaded.frame.filter(plain).select("condition", "existence", "location", "severity").rows()


@pytest.mark.parametrize(
    ("heading", "fact"),
    [
        ("Pleural Effusion/right/small", ("Pleural Effusion", "present", "right", "small")),
        ("Pleural Effusion/large/left", ("Pleural Effusion", "present", "left", "large")),
        ("Cardiomegaly/mild", ("Cardiomegaly", "present", None, "mild")),
        ("Pulmonary Atelectasis/base/bilateral", ("Atelectasis", "present", "both lung bases", None)),
        ("Opacity/lung/lower lobe/left/patchy", ("Lung Opacity", "present", "left lower lobe", None)),
        ("Opacity/lung/middle lobe/right", ("Lung Opacity", "present", "right middle lobe", None)),
        ("Nodule/lung/left/multiple", ("Lung Lesion", "present", "left lung", None)),
        ("Fractures, Bone/ribs/left/healed", ("Fracture", "present", "left ribs", None)),
        ("Pneumothorax/upper lobe/left/small", ("Pneumothorax", "present", "left", "small")),
        ("Pneumothorax/left/severe", ("Pneumothorax", "present", "left", "large")),
    ],
)
def test_headings_become_facts(
    tmp_path: Path, ontology: Ontology, heading: str, fact: tuple[str | None, ...]
) -> None:
    assert said(load(tmp_path, ontology, xml("CXR1", [heading]))) == [fact]


@given(st.permutations(["lung", "lower lobe", "left", "patchy", "mild"]))
def test_order_of_qualifiers_does_not_matter(ontology: Ontology, qualifiers: list[str]) -> None:
    heading = "/".join(["Opacity", *qualifiers])
    fact, *_ = HeadingReader(ontology).read(heading, HeadingTally())
    assert (fact.condition, fact.location, fact.severity) == ("Lung Opacity", "left lower lobe", "mild")


def test_a_heading_known_to_mean_nothing_is_not_read_by_its_head(ontology: Ontology) -> None:
    reader, tally = HeadingReader(ontology), HeadingTally()
    rows = [r for r in read_map("openi_headings") if r["strength"] == "none"]
    assert len(rows) > 700
    assert not any(f.certain for r in rows for f in reader.read(r["heading"], tally))
    fact, *_ = reader.read("Pneumothorax/right/unheard-of", tally)
    assert (fact.condition, fact.location) == ("Pneumothorax", "right")


def test_borderline_is_left_out_and_silences_the_text(tmp_path: Path, ontology: Ontology) -> None:
    loaded = load(
        tmp_path, ontology, xml("CXR1", ["Cardiomegaly/borderline"], "No cardiomegaly. No pneumothorax.")
    )
    assert said(loaded) == [("Pneumothorax", "absent", None, None)]


def test_strength_is_a_setting(tmp_path: Path, ontology: Ontology) -> None:
    report = xml("CXR1", ["Pulmonary Congestion"])
    assert load(tmp_path, ontology, report).left_out == {"no definite fact": 1}
    broad = load(tmp_path, ontology, report, options=Options(strength=("exact", "broad")))
    assert said(broad) == [("Edema", "present", None, None)]


def test_text_gives_absences_from_findings_and_impression_only(tmp_path: Path, ontology: Ontology) -> None:
    report = xml("CXR1", ["normal"], "No pneumothorax or pleural effusion.", impression="There is no edema.")
    assert said(load(tmp_path, ontology, report)) == [
        ("Edema", "absent", None, None),
        ("Pneumothorax", "absent", None, None),
        ("Pleural Effusion", "absent", None, None),
    ]


def test_what_text_and_headings_contradict_is_left_out(tmp_path: Path, ontology: Ontology) -> None:
    text = "No pleural effusion. No airspace opacity. No pneumothorax."
    loaded = load(
        tmp_path, ontology, xml("CXR1", ["Pleural Effusion/left/small", "Pulmonary Atelectasis"], text)
    )
    assert [(c, e) for c, e, *_ in said(loaded)] == [
        ("Atelectasis", "present"),
        ("Pneumothorax", "absent"),
    ]
    counts = loaded.report["not_used"]
    assert isinstance(counts, dict)
    assert counts["absent, but a kind of it is present or doubtful"] == 1
    assert counts["in a heading, but absent in the text"] == 1


def test_a_denied_grade_stands_beside_another_grade(tmp_path: Path, ontology: Ontology) -> None:
    report = xml("CXR1", ["Pleural Effusion/left/small"], "No large pleural effusion.")
    assert ("Pleural Effusion", "absent", None, "large") in said(load(tmp_path, ontology, report))
    report = xml("CXR1", ["Pleural Effusion/left/large"], "No large pleural effusion.")
    assert ("Pleural Effusion", "absent", None, "large") not in said(load(tmp_path, ontology, report))


def test_a_redacted_word_before_the_finding_makes_it_unknown(tmp_path: Path, ontology: Ontology) -> None:
    loaded = load(
        tmp_path, ontology, xml("CXR1", [], "There is no XXXX pneumothorax. XXXX no pleural effusion.")
    )
    assert said(loaded) == [("Pleural Effusion", "absent", None, None)]


def test_report_without_image_is_left_out(tmp_path: Path, ontology: Ontology) -> None:
    loaded = load(
        tmp_path, ontology, xml("CXR1", ["Cardiomegaly"], images=0), xml("CXR2", ["Cardiomegaly"], images=2)
    )
    assert loaded.left_out == {"report without an image": 1}
    row = loaded.frame.row(0, named=True)
    assert (row["patient_id"], row["image_id"], row["image"]) == ("CXR2", "CXR2_IM-0000", "CXR2_IM-0000.png")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"<eCitation><uId", "broken XML"),
        (b"", "empty"),
        (b"<a/>", "no uId"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><eCitation><uId id="CXR9"/></eCitation>', "entity definitions"),
        (xml("CXR1", []), "CXR1"),
        (b"\xff\xfe\x00", "broken XML"),
        (b"\xff" * 5_000_000, "larger"),
    ],
    ids=["cut", "empty", "other", "entity", "twice", "binary", "huge"],
)
def test_broken_report_is_rejected_and_the_others_are_read(
    tmp_path: Path, ontology: Ontology, data: bytes, told: str
) -> None:
    loaded = load(tmp_path, ontology, xml("CXR1", ["Cardiomegaly"]), data)
    assert len(loaded.frame) == 1 and len(loaded.rejects) == 1
    assert loaded.rejects["key"].to_list() == ["1.xml"]
    assert told in loaded.rejects["text"][0]


def test_no_report_at_all_is_told(tmp_path: Path, ontology: Ontology) -> None:
    (tmp_path / "1.xml").write_bytes(b"<eCitation>")
    with pytest.raises(UserError, match=r"no report in it \(the first: 1\.xml, broken XML"):
        SOURCE.load_facts(tmp_path, ontology, Options())


def pack(path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def test_archive_equals_folder(tmp_path: Path, ontology: Ontology) -> None:
    reports = [xml(f"CXR{i}", ["Cardiomegaly"], "No pneumothorax.") for i in range(3)]
    folder = tmp_path / "f"
    folder.mkdir()
    loaded = load(folder, ontology, *reports)
    members = [(tarfile.TarInfo(f"ecgen-radiology/{i}.xml"), r) for i, r in enumerate(reports)]
    packed = SOURCE.load_facts(pack(tmp_path / "a.tgz", members), ontology, Options())
    assert packed.frame.equals(loaded.frame)


@pytest.mark.parametrize("name", ["/etc/1.xml", "../1.xml", "a/../../1.xml", "..\\1.xml", "C:\\1.xml"])
def test_hostile_path_is_refused(tmp_path: Path, ontology: Ontology, name: str) -> None:
    good = (tarfile.TarInfo("1.xml"), xml("CXR1", ["Cardiomegaly"]))
    path = pack(tmp_path / "a.tgz", [good, (tarfile.TarInfo(name), b"<a/>")])
    with pytest.raises(UserError, match="outside of itself"):
        SOURCE.load_facts(path, ontology, Options())


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_link_or_device_is_refused(tmp_path: Path, ontology: Ontology, kind: bytes) -> None:
    info = tarfile.TarInfo("1.xml")
    info.type, info.linkname = kind, "/etc/passwd"
    with pytest.raises(UserError, match="link or device"):
        SOURCE.load_facts(pack(tmp_path / "a.tgz", [(info, b"")]), ontology, Options())


def test_cut_off_archive_is_told(tmp_path: Path, ontology: Ontology) -> None:
    members = [(tarfile.TarInfo(f"{i}.xml"), xml(f"CXR{i}", [], f"{i * 7919}" * 50)) for i in range(200)]
    path = pack(tmp_path / "a.tgz", members)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(UserError, match="cut off or broken"):
        SOURCE.load_facts(path, ontology, Options())
    path.write_bytes(b"")
    with pytest.raises(UserError, match="empty"):
        SOURCE.load_facts(path, ontology, Options())


def test_another_organ_finds_nothing_of_its_own(tmp_path: Path) -> None:
    knee = load_ontology(str(KNEE))
    loaded = load(tmp_path, knee, xml("CXR1", ["Cardiomegaly"]))
    assert loaded.frame.is_empty() and loaded.left_out == {"no definite fact": 1}


@pytest.mark.real
def test_real_archive_has_the_known_figures(real_labels: Path, ontology: Ontology) -> None:
    loaded = SOURCE.load_facts(real_labels / "NLMCXR_reports.tgz", ontology, Options())
    assert loaded.rows_in == 3955 and loaded.rejects.is_empty()
    assert loaded.left_out["report without an image"] == 104
    existence, located, graded = (loaded.report[k] for k in ("by_existence", "located", "graded"))
    assert isinstance(existence, dict) and isinstance(located, int) and isinstance(graded, int)
    assert 1_850 <= existence["present"] <= 2_486
    assert 9_000 <= existence["absent"] <= 10_500
    assert located >= 1_150 and graded >= 420
