"""Adjudicated NIH labels: four findings, YES or NO, by several radiologists."""

from __future__ import annotations

from pathlib import Path

from nastdata.ontology import Ontology
from nastdata.records import FRONTAL, Fact
from nastdata.sources.annotations.collector import Collector
from nastdata.sources.annotations.label_maps import LabelMap
from nastdata.sources.base import Loaded, Options, Source
from nastdata.sources.locate import Wanted, find_wanted, tell_missing
from nastdata.sources.nih.images import FAMILY, name_image
from nastdata.sources.tables import ROW, expand_brackets, read_table, reject_cell
from nastdata.sources.terms import NIH_ADJUDICATED

IMAGE, SET = "Image Index", "Set Id"
FINDINGS = ("Fracture", "Pneumothorax", "Airspace opacity", "Nodule or mass")
SPLITS = {"validation": "validation", "test": "test", "train": "train"}
NEEDS = (
    "google2019_nih-chest-xray-labels.csv[.gz], or four_findings_expert_labels_*_labels.csv, or its folder",
    "or the Python package torchxrayvision, which has it",
)
WANTED = {
    "labels": Wanted(
        r".*(nih-chest-xray-labels|expert_labels.*labels).*\.csv(\.gz)?",
        columns=(IMAGE, *FINDINGS),
        packed="google2019_nih-chest-xray-labels.csv.gz",
        header=True,
    )
}


def find(data: Path | None) -> tuple[list[Path], list[str]]:
    """Return (label tables found, places looked at)."""
    found, looked = find_wanted("nih-adjudicated", data, WANTED, "labels")
    return found.get("labels", []), looked


def load_labels(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load one row an image: 1 where the radiologists saw it, 0 where they saw that it is not there.

    Raises:
        UserError: if no table is found, or a column or cell is not as it should be.
    """
    return _collect(data, ontology, options).as_labels()


def load_facts(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load the same as facts without place or grade."""
    return _collect(data, ontology, options).as_facts()


def _collect(data: Path | None, ontology: Ontology, options: Options) -> Collector:
    files, looked = find(data)
    if not files:
        raise tell_missing("adjudicated NIH labels", data, looked, NEEDS)
    labels = LabelMap("nih_adjudicated", ontology, options.strength)
    tables = [read_table(f, [IMAGE, *FINDINGS], [SET], rename=expand_brackets) for f in files]
    collector = Collector(SOURCE.name, ontology, tuple(t.file for t in tables), view=FRONTAL)
    yes = dict.fromkeys(FINDINGS, 0)
    seen: set[str] = set()
    for table in tables:
        own = SET in table.frame.columns
        for cells in table.frame.iter_rows(named=True):
            image = cells[IMAGE]
            keys = name_image(image or "", SPLITS.get((cells[SET] or "").lower()) if own else None)
            if keys is None:
                reject_cell(table, cells[ROW], IMAGE, image, "an image name like 00000013_008.png")
                continue
            if image in seen:
                collector.rejects.append(("a second row of the same image", image, None))
                continue
            seen.add(image)
            present: list[Fact] = []
            absent: list[Fact] = []
            for finding in FINDINGS:
                said = (cells[finding] or "").upper()
                if said not in ("YES", "NO"):
                    reject_cell(table, cells[ROW], finding, cells[finding], "YES or NO")
                yes[finding] += said == "YES"
                if said == "YES":
                    present += [Fact(c, "present") for c in labels.find_stated(finding)]
                else:
                    absent += [Fact(c, "absent") for c in labels.find_deniable([finding])]
            collector.add(keys, present, absent)
    collector.report |= {"images": len(seen), "yes": yes}
    return collector


SOURCE = Source(
    name="nih-adjudicated",
    title="NIH ChestX-ray14, four findings adjudicated by radiologists",
    terms=NIH_ADJUDICATED,
    needs=NEEDS,
    find=find,
    load_labels=load_labels,
    load_facts=load_facts,
    family=FAMILY,
)
