"""NIH ChestX-ray14: labels mined from reports. What is not listed was not mentioned, not absent."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from nastdata.ontology import Ontology
from nastdata.records import FRONTAL, Fact
from nastdata.sources.annotations.collector import UNKNOWN_LABEL, Collector
from nastdata.sources.annotations.label_maps import LabelMap, fold
from nastdata.sources.base import InputFile, Loaded, Options, Source
from nastdata.sources.locate import Wanted, find_wanted, tell_missing
from nastdata.sources.nih.images import FAMILY, SPLITS, name_image, read_own_split
from nastdata.sources.tables import ROW, expand_brackets, read_table, reject_cell
from nastdata.sources.terms import NIH

IMAGE, LABELS, PATIENT = "Image Index", "Finding Labels", "Patient ID"
NEEDS = (
    "Data_Entry_2017_v2020.csv or Data_Entry_2017.csv (plain or .gz), or its folder",
    "or the Python package torchxrayvision, which has it",
    "beside it, for the official split: train_val_list.txt and test_list.txt",
)
WANTED = {
    "labels": Wanted(
        r"(data_entry_2017.*|sample_labels)\.csv(\.gz)?",
        columns=(IMAGE, LABELS, PATIENT),
        packed="Data_Entry_2017_v2020.csv.gz",
    ),
    **SPLITS,
}
NORMAL = "no finding"
SEPARATOR = "|"


def find(data: Path | None) -> tuple[list[Path], list[str]]:
    """Return (label table and split lists found, places looked at)."""
    found, looked = find_wanted("nih", data, WANTED, "labels")
    return [p for paths in found.values() for p in paths[:1]], looked


def load_labels(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load one row an image: 1 where a label was mined, blank otherwise.

    With ``closed_world``, "No Finding" shows that none of the labelled conditions is there.

    Raises:
        UserError: if the table is missing, or a column or cell is not as it should be.
    """
    return _collect(data, ontology, options).as_labels()


def load_facts(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load present findings without place or grade; absence as in ``load_labels``."""
    return _collect(data, ontology, options).as_facts()


def _collect(data: Path | None, ontology: Ontology, options: Options) -> Collector:
    found, looked = find_wanted("nih", data, WANTED, "labels")
    if not found:
        raise tell_missing("NIH ChestX-ray14", data, looked, NEEDS)
    table = read_table(found["labels"][0], [IMAGE, LABELS, PATIENT], rename=expand_brackets)
    labels = LabelMap("nih_labels", ontology, options.strength)
    splits = read_own_split(found)
    read = tuple(InputFile.of(p) for kind in SPLITS for p in found.get(kind, ())[:1])
    collector = Collector(SOURCE.name, ontology, (table.file, *read), view=FRONTAL)
    absent = [Fact(c, "absent") for c in labels.find_deniable(_list_mined(labels))]
    tally: Counter[str] = Counter()
    seen: set[str] = set()
    for row, image, given in table.frame.select(ROW, IMAGE, LABELS).iter_rows():
        keys = name_image(image or "", splits.get(image))
        if keys is None:
            reject_cell(table, row, IMAGE, image, "an image name like 00000013_008.png")
            continue
        if image in seen:
            collector.rejects.append(("a second row of the same image", image, given))
            continue
        seen.add(image)
        names = [x.strip() for x in (given or "").split(SEPARATOR) if x.strip()]
        unknown = [x for x in names if not labels.knows(x)]
        if unknown:
            reject_cell(table, row, LABELS, given, "labels of ChestX-ray14, separated by bars")
        tally.update(names)
        normal = [fold(x) for x in names] == [NORMAL]
        present = [Fact(c, "present") for x in names for c in labels.find_stated(x)]
        collector.add(
            keys,
            present,
            absent if normal and options.closed_world else (),
            why_empty=_explain(normal, options, bool(names)),
        )
    collector.report |= {"images": len(table.frame), "labels_given": dict(sorted(tally.items()))}
    return collector


def _list_mined(labels: LabelMap) -> list[str]:
    return [x for x in labels.list_labels() if x != NORMAL]


def _explain(normal: bool, options: Options, labelled: bool) -> str:
    if normal:
        return "No Finding" if options.closed_world else "No Finding (closed_world is off)"
    return UNKNOWN_LABEL if labelled else "no label"


SOURCE = Source(
    name="nih",
    title="NIH ChestX-ray14",
    terms=NIH,
    needs=NEEDS,
    find=find,
    load_labels=load_labels,
    load_facts=load_facts,
    family=FAMILY,
)
