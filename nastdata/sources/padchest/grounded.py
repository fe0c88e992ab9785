"""PadChest-GR: sentences of reports with labels, places and boxes, made and checked by radiologists."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nastdata.ontology import Ontology
from nastdata.records import Fact
from nastdata.sources.annotations.collector import Collector, StudyKeys
from nastdata.sources.annotations.geometry import Spot, find_spot, name_places, scale_box
from nastdata.sources.base import InputFile, Loaded, Options, Source
from nastdata.sources.json_stream import RecordStream
from nastdata.sources.locate import Wanted, find_wanted, tell_missing
from nastdata.sources.padchest.labels import LabelReader, Tally
from nastdata.sources.places import PlaceIndex
from nastdata.sources.report_facts import ReportReader
from nastdata.sources.tables import read_table
from nastdata.sources.terms import PADCHEST_GR

NEEDS = (
    "grounded_reports_*.json of PadChest-GR (plain or .gz), or its folder",
    "beside it, for patients and the own split: master_table.csv (plain or .zip)",
)
WANTED = {
    "reports": Wanted(r"grounded_reports.*\.json(\.gz)?"),
    "master": Wanted(r"master_table.*\.csv(\.gz|\.zip)?", columns=("StudyID",)),
}
NO_MASTER = (
    "no master_table.csv beside the reports: patients are not known, so that each study counts as a patient, "
    "and the own split is not known"
)


def find(data: Path | None) -> tuple[list[Path], list[str]]:
    """Return (reports and master table found, places looked at)."""
    found, looked = find_wanted("padchest-gr", data, WANTED, "reports", 4)
    return [*found.get("reports", [])[:1], *found.get("master", [])[:1]], looked


def load_facts(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Read each English sentence, with the place of its boxes where it names none.

    Raises:
        UserError: if the file is missing, no JSON list, or broken (with the byte).
    """
    return _collect(data, ontology, options).as_facts()


def load_labels(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load the same as label vectors."""
    return _collect(data, ontology, options).as_labels()


def _collect(data: Path | None, ontology: Ontology, options: Options) -> Collector:
    found, looked = find_wanted("padchest-gr", data, WANTED, "reports", 4)
    if not found:
        raise tell_missing("PadChest-GR", data, looked, NEEDS)
    known: dict[str, tuple[str | None, str | None]] = {}
    collector = Collector(SOURCE.name, ontology)
    for path in found.get("master", ())[:1]:
        table = read_table(path, ["StudyID", "PatientID"], ["split"])
        own = table.frame["split"] if "split" in table.frame.columns else [None] * len(table.frame)
        pairs = zip(table.frame["StudyID"], table.frame["PatientID"], own, strict=True)
        known = {s: (p, {"val": "validation"}.get(x, x)) for s, p, x in pairs if s}
        collector.files += (table.file,)
    reader = ReportReader(ontology, language="english", texts=options.reader, seed=options.seed)
    labels = _Labels(ontology, options.strength)
    stream = RecordStream(found["reports"][0])
    seen: set[str] = set()
    for record in stream:
        problem = _add(record, known, reader, labels, collector, seen)
        if problem:
            collector.rejects.append((problem[0], f"record {stream.count}", problem[1]))
    collector.files = (InputFile.of(found["reports"][0], stream.count), *collector.files)
    collector.report |= {
        "reading": reader.account(),
        "studies_read": len(seen),
        "places_from_boxes": labels.boxed,
    }
    if not known:
        collector.notes.append(NO_MASTER)
    return collector


class _Labels:
    """What a finding's labels and boxes add to its sentence."""

    def __init__(self, ontology: Ontology, strength: tuple[str, ...]) -> None:
        self._reader = LabelReader(ontology, strength)
        self._places = PlaceIndex(ontology)
        self.boxed = 0
        self.tally = Tally()

    def read(self, finding: dict[str, Any]) -> list[Fact]:
        """Return the present findings that the labels name, with the places that go with them."""
        words = [*_list_texts(finding.get("labels")), *_list_texts(finding.get("locations"))]
        tidy = [
            f"loc {w}" if w in self._reader.bare_locations and not w.startswith("loc ") else w for w in words
        ]
        return [Fact(c, "present", p) for c, p in self._reader.read(repr([tidy]), self.tally)]

    def place(self, facts: Iterable[Fact], boxes: object) -> list[Fact]:
        """Give findings without a place those of their sentence's boxes."""
        spots = list(_find_spots(boxes))
        out: list[Fact] = []
        for fact in facts:
            if fact.existence != "present" or fact.location or not spots:
                out.append(fact)
                continue
            named = name_places(self._places, fact.condition, spots)
            self.boxed += named != [None]
            out += [Fact(fact.condition, "present", place, fact.severity) for place in named]
        return out


def _add(
    record: object,
    known: dict[str, tuple[str | None, str | None]],
    reader: ReportReader,
    labels: _Labels,
    collector: Collector,
    seen: set[str],
) -> tuple[str, str] | None:
    """Add a study; return (reason, text) if it is refused."""
    if not isinstance(record, dict) or not isinstance(record.get("findings"), list):
        return "not a study with findings", str(record)[:200]
    study, image = str(record.get("StudyID") or ""), str(record.get("ImageID") or "")
    if not study or not image:
        return "no StudyID or ImageID", str(record)[:200]
    if study in seen:
        return "a second record of the same study", study
    seen.add(study)
    present: list[Fact] = []
    absent: list[Fact] = []
    findings = [f for f in record["findings"] if isinstance(f, dict)]
    whole = reader.read([str(f.get("sentence_en") or "") for f in findings], study)
    allowed = set(whole)
    for finding in findings:
        sentence = [f for f in reader.peek(str(finding.get("sentence_en") or "")) if f in allowed]
        extra = labels.read(finding) if finding.get("abnormal") is True else []
        stated = {f.condition for f in sentence}
        sentence += [f for f in extra if f.condition not in stated]
        sentence = [_add_place(f, extra) for f in sentence]
        # boxes of a sentence with several findings may be of any of them
        several = len({f.condition for f in sentence if f.existence == "present"}) > 1
        sentence = sentence if several else labels.place(sentence, finding.get("boxes"))
        present += [f for f in sentence if f.existence == "present"]
        absent += [f for f in sentence if f.existence == "absent"]
    patient, split = known.get(study, (None, None))
    keys = StudyKeys(patient or study, study, image.removesuffix(".png"), image, split)
    collector.add(keys, present, absent)
    return None


def _add_place(fact: Fact, labelled: list[Fact]) -> Fact:
    """Take the labels' place where the sentence names none and the labels name one."""
    if fact.existence != "present" or fact.location:
        return fact
    named = {f.location for f in labelled if f.condition == fact.condition and f.location}
    return Fact(fact.condition, "present", named.pop(), fact.severity) if len(named) == 1 else fact


def _find_spots(boxes: object) -> Iterable[Spot]:
    for box in boxes if isinstance(boxes, list) else ():
        if isinstance(box, list) and len(box) == 4 and all(isinstance(v, int | float) for v in box):
            x0, y0, x1, y1 = (float(v) for v in box)
            scaled = scale_box(x0, y0, x1, y1, 1.0, 1.0)
            if scaled:
                yield find_spot(scaled)


def _list_texts(value: object) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [" ".join(str(x).lower().split()) for x in items if isinstance(x, str) and x.strip()]


SOURCE = Source(
    name="padchest-gr",
    title="PadChest-GR",
    terms=PADCHEST_GR,
    needs=NEEDS,
    find=find,
    load_labels=load_labels,
    load_facts=load_facts,
    has_reports=True,
    family="padchest",
)
