# ruff: noqa: E501
"""Are the claims and captions of a build true of the patients? Judged by the corpora's own words.

    nastdata build contextual --source openi,padchest --out contextual
    python benchmarks/truth.py contextual                       # calls this
    python benchmarks/truth_contextual.py contextual --sample 160 --to located.tsv

Nothing of nastdata is imported: raw labels, headings, report texts and views are read here, with a few word
lists of this file. Four tables, each with its goal:

1. claim sets that hold a claim which the corpus's own labels contradict (under 0.2 % of a source's sets);
2. plain denials whose source only says less: "no focal consolidation", "no infiltrate" (0);
3. statements of a side on a lateral image (0);
4. ``--sample``: located denials beside the words of their study, for a person to judge.
"""

from __future__ import annotations

import argparse
import ast
import csv
import gzip
import hashlib
import re
import sys
import tarfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import files as package_files
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from defusedxml.ElementTree import fromstring

# fmt: off
KINDS = {
    "Pleural Effusion": r"effusion|hydropneumothorax|costophrenic.*blunt|hemothorax|empyema",
    "Pneumothorax": r"pneumothorax",
    "Consolidation": r"consolidation|air bronchogram|alveolar pattern",
    "Pneumonia": r"pneumonia",
    "Atelectasis": r"atelecta|volume loss|hypoexpansion",
    "Edema": r"edema|congestion|vascular redistribution|kerley|heart (insufficiency|failure)",
    "Cardiomegaly": r"cardiomegaly|pericardial effusion|cardiac shadow.*enlarged",
    "Enlarged Cardiomediastinum": r"mediastin(al|um).*(enlarge|widen|mass|prominent)|superior mediastinal enlargement",
    "Lung Lesion": r"nodule|mass\b|metasta|neoplasm|granuloma|cavitation|abscess|cyst|carcinoma|coin",
    "Lung Opacity": r"opacit|infiltrat|density|ground glass|interstitial|reticul|airspace|alveolar|miliary|fibro",
    "Fracture": r"fracture|vertebral.*compression|callus",
    "Support Devices": r"catheter|tube|pacemaker|device|prosthesis|endoprosthesis|valve|dai\b|implant|metal|suture"
    r"|sternotomy|osteosynthesis|surgical instruments|stent",
    "Pleural Other": r"pleural (thickening|plaque|mass)|fissure thickening|pleura|asbestosis|empyema",
}
"""Words of labels and headings by the finding that they may be; wide on purpose, for contradictions of denials."""
STATES = {
    "Pleural Effusion": r"^(loculated )?(pleural |fissural )?effusion|pleural effusion|hydropneumothorax|effusion",
    "Lung Opacity": KINDS["Lung Opacity"]
    + "|"
    + "|".join(KINDS[c] for c in ("Consolidation", "Pneumonia", "Atelectasis", "Edema", "Lung Lesion")),
    "Enlarged Cardiomediastinum": KINDS["Enlarged Cardiomediastinum"] + "|cardiomegaly|cardiac shadow.*enlarged",
}
"""Words that state a finding where these differ: a child states its parent."""
PARENT = dict.fromkeys(
    ("Edema", "Consolidation", "Pneumonia", "Lung Lesion", "Atelectasis"), "Lung Opacity"
) | {"Cardiomegaly": "Enlarged Cardiomediastinum"}
# fmt: on
NOT = {"Pleural Effusion": r"pericardial", "Lung Lesion": r"pseudo|mediast|breast|soft tissue|pleural|bone"}
QUALIFIED = re.compile(
    r"\b(focal|multifocal|acute|new|large|small|displaced|suspicious|definite|definitive|obvious|convincing|visible|"
    r"overt|significant|gross|discrete|lobar|active|confluent|dense|clear|evident|noncalcified|dominant|sizable|"
    r"foc\w*|signific\w*|agud\w*|clar\w*|recient\w*|sospech\w*|grand\w*|otr\w*|relev\w*|definit\w*)\b"
)
DENIED_AS = {
    "Pleural Effusion": r"effusions?|pleural fluid|derram",
    "Pneumothorax": r"pneumothora|neumotor|pleural air",
    "Consolidation": r"consolidation|condens|consolid",
    "Pneumonia": r"pneumonia|neumon",
    "Edema": r"edema|edem",
    "Atelectasis": r"atelecta",
    "Cardiomegaly": r"cardiomegal|cardiac enlargement|enlarged|\bnormal\b|heart",
    "Enlarged Cardiomediastinum": r"mediastin|enlarged|ensanch",
    "Lung Opacity": r"opacit|opacif|opac|densit",
    "Lung Lesion": r"lesion|nodul.*mass|mass.*nodul|masa.*nodul|nodul.*masa",
    "Fracture": r"fractur",
    "Support Devices": r"devices?|dispositiv",
    "Pleural Other": r"pleural abnormal",
}
"""Names by which all of a finding is denied, English and stemmed Spanish."""
NEGATION = re.compile(
    r"\b(no|not|without|negative for|free of|absence of|resolved|neither|nor|sin|ni|ningun|ausenci)\b"
)
SIDES = ("left", "right")
BOTH = frozenset({"bilateral", "both", "bibasal", "bilaterally"})
ABSENT, LATERAL = "absent", "lateral"
Row = dict[str, Any]


@dataclass
class Known:
    """What a corpus says of one study."""

    labels: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    """Label or heading, and the words of place said with it."""
    text: str = ""

    def find(self, pattern: str, finding: str) -> list[frozenset[str]]:
        """Return the words of place of labels that fit."""
        no = NOT.get(finding)
        return [
            where
            for label, where in self.labels
            if re.search(pattern, label) and not (no and re.search(no, label))
        ]


def find_packed(name: str) -> Path | None:
    """Return a file of torchxrayvision's data folder."""
    try:
        listed = package_files("torchxrayvision") or []
    except ModuleNotFoundError:
        return None
    return next((Path(str(f.locate())) for f in listed if f.name == name), None)


def read_padchest(wanted: set[str]) -> tuple[dict[str, Known], dict[str, str]]:
    """Return what PadChest says of studies, and the view of each image."""
    csv.field_size_limit(10**9)
    path = find_packed("PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz")
    known: dict[str, Known] = {}
    views: dict[str, str] = {}
    if path is None:
        return known, views
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            views[row["ImageID"]] = LATERAL if row["Projection"] == "L" else "other"
            if row["StudyID"] in wanted and row["StudyID"] not in known:
                said = row["LabelsLocalizationsBySentence"]
                known[row["StudyID"]] = Known(list(_split_labels(said)), row["Report"])
    return known, views


def _split_labels(text: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield each label with all places of its sentence."""
    try:
        items = ast.literal_eval(re.sub(r"(?<=[\[ ,])nan(?=\s*[\],])", "None", text or "[]"))
    except (ValueError, SyntaxError):
        return
    if not any(isinstance(i, list) for i in items):
        sentences: list[list[str]] = []
        for item in items:
            if not sentences or (isinstance(item, str) and not item.startswith((" ", "loc "))):
                sentences.append([])
            sentences[-1].append(item)
        items = sentences
    for sentence in items:
        words = [
            w.strip() for w in (sentence if isinstance(sentence, list) else [sentence]) if isinstance(w, str)
        ]
        lobes = [w for w in words if w.startswith("loc ") and re.search("lobe|lingula", w)]
        loose = " ".join(w for w in words if w.startswith("loc ") and w not in lobes)
        # "loc upper lobe" beside "loc right upper lobe" says nothing more
        sided = [w for w in lobes if re.search("left|right|lingula|middle", w)]
        lobes = sided or lobes
        for label in (w for w in words if w and not w.startswith("loc ")):
            for lobe in lobes or [""]:
                yield label.lower(), _words(f"{loose} {lobe} {label}")


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z]+", text.lower()))


def read_openi(wanted: set[str]) -> tuple[dict[str, Known], dict[str, str]]:
    """Return what Open-i says of reports, and the view of each image."""
    known: dict[str, Known] = {}
    views: dict[str, str] = {}
    path = find_packed("NLMCXR_reports.tgz")
    for name, column, values in (
        ("nlmcxr_dicom_metadata.csv.gz", "View Position", {"LL", "RL", "LATERAL", "LARGE LATERAL"}),
        ("nlmcxr_tsne_pa.csv.gz", "tsne-view", {"L"}),
    ):
        table = find_packed(name)
        if table is not None:
            with gzip.open(table, "rt", encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    if (row[column] or "").strip() in values:
                        views[row["imageid"]] = LATERAL
    if path is None:
        return known, views
    with tarfile.open(path) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isfile() else None
            if stream is None:
                continue
            root = fromstring(stream.read())
            uid = root.find("uId")
            name = "" if uid is None else str(uid.get("id"))
            if name not in wanted:
                continue
            texts = [
                " ".join("".join(a.itertext()).split())
                for a in root.iter("AbstractText")
                if a.get("Label") in ("FINDINGS", "IMPRESSION")
            ]
            majors = ["".join(m.itertext()).lower() for m in root.iterfind("MeSH/major")]
            # the whole heading is the label: "cardiac shadow enlarged", not "cardiac shadow"
            labels = [(m.replace("/", " "), _words(m)) for m in majors if "borderline" not in m]
            known[name] = Known(labels, " ".join(texts).lower())
    return known, views


def contradicts(statement: Row, true: bool, known: Known) -> bool:
    """Whether the corpus's labels contradict a statement that the build takes for true, or for false."""
    c, place = statement["condition"], statement["location"]
    denied = statement["existence"] == ABSENT or statement["negation"] in ("location", "severity")
    if statement["negation"] == "severity" or statement["severity"]:
        return False  # labels of these corpora have no grades but Open-i's, which its headings give by themselves
    says_there = (not denied) == true
    if says_there:
        # a finding that is stated, or whose denial is called false, must be in the labels
        return place is None and not known.find(STATES.get(c, KINDS[c]), c)
    found = known.find(KINDS[c], c)
    if c in PARENT and place is not None and found:
        # one place of a finding makes no other free of it where its parent is
        found += known.find(KINDS[PARENT[c]], PARENT[c])
    for child, parent in PARENT.items():
        if parent == c:
            found += known.find(KINDS[child], child)
    halves = [place] if place is None or not BOTH & _words(place) else [f"left {place}", f"right {place}"]
    return all(any(half is None or may_be(half, where) for where in found) for half in halves)


def may_be(place: str, where: frozenset[str]) -> bool:
    """Whether a finding whose label has these words of place may be in a place."""
    asked, sided = _words(place), _sides(where)
    both = bool(where & BOTH) or len(sided) == 2
    side = _sides(asked)
    if side and sided and not both and not side & sided:
        return False
    near = side & sided or side or sided
    mine, theirs = _parts(asked, near), _parts(where, near)
    return not (mine and theirs) or bool(mine & theirs)


PARTS = {
    "apex": "a", "apical": "a", "apices": "a", "biapical": "a", "hilum": "h m1 m2 m4", "hilar": "h m1 m2 m4",
    "hila": "h m1 m2 m4", "perihilar": "h m1 m2 m3 m4", "base": "b1 b2 c", "basal": "b1 b2 c", "bases": "b1 b2 c",
    "bibasal": "b1 b2 c", "lingula": "m2 b1", "retrocardiac": "m3 b2", "costophrenic": "c", "sulcus": "c",
    "mediastinum": "x", "ribs": "r", "rib": "r", "clavicle": "cl", "humerus": "hu", "humeral": "hu",
    "sternum": "st", "thoracic": "v", "vertebrae": "v", "vertebral": "v", "dorsal": "v", "spine": "v",
}  # fmt: skip
"""Word of a place -> pieces of the chest that it touches: what shares none is somewhere else."""
LOBES = {"upper": "a u m1 m2 b1", "middle": "m2 b1", "lower": "m3 m4 b2 c"}
ZONES = {"upper": "a u", "mid": "m1 m2 m3 m4 h", "middle": "m1 m2 m3 m4 h", "lower": "b1 b2 c"}


def _sides(words: frozenset[str]) -> set[str]:
    """Return the sides that words of a place name; a middle lobe is right, the lingula left."""
    named = {s for s in SIDES if s in words}
    named |= {"left"} if "lingula" in words else set()
    lobes = words & {"upper", "lower", "middle"}
    return named | ({"right"} if "lobe" in words and lobes == {"middle"} and not named else set())


def _parts(words: frozenset[str], side: set[str]) -> set[str]:
    """Return the pieces that words of a place touch; none if they name no region."""
    if words & {"lobe", "lobes"}:
        words -= {"hilum", "hilar", "perihilar"}  # "left upper lobe, perihilar" is in that lobe
    out = {p for w in words & PARTS.keys() for p in PARTS[w].split()}
    levels = ZONES if words & {"zone", "zones", "field"} else LOBES if words & {"lobe", "lobes"} else {}
    # the left lung's upper lobe holds the lingula
    for word in words & levels.keys():
        pieces = set(levels[word].split())
        if levels is LOBES and side == {"right"}:
            pieces -= {"m2", "b1"} if word == "upper" else set()
        out |= pieces
    return out


def is_widened(c: str, text: str) -> bool:
    """Whether the text of a study denies a finding with a qualifier or by a narrower name, and never plainly."""
    denials = [
        clause
        for sentence in re.split(r"[.;]| \. ", text.lower())
        for clause in [sentence]
        if NEGATION.search(clause) and re.search(DENIED_AS[c] + "|" + KINDS[c], clause)
    ]
    return bool(denials) and not any(_is_plain(c, d) for d in denials)


def _is_plain(c: str, clause: str) -> bool:
    for found in re.finditer(DENIED_AS[c], clause):
        before = clause[: found.start()]
        start = max((cue.end() for cue in NEGATION.finditer(before)), default=0)
        # a qualifier holds for the name that follows it in a list, not for those after a comma
        nearest = re.split(r",| or | and | ni ", before[start:])[-1]
        if not QUALIFIED.search(nearest):
            return True
    return False


def check(folder: Path) -> bool:
    """Print the tables of a folder; whether all goals are met."""
    claims, captions = _read(folder, "contextual_claims"), _read(folder, "contextual_captions")
    known, views = _read_corpora(claims + captions)
    good = True
    by_source: dict[str, Counter[str]] = defaultdict(Counter)
    worst: Counter[str] = Counter()
    for row in claims:
        tally = by_source[row["source"]]
        tally["claim sets"] += 1
        study = known.get((row["source"], row["study_id"].split("/")[0]))
        if study is None:
            continue
        tally["judged"] += 1
        bad = [
            f"{f['condition']}, {f['existence']}{', ' + f['location'] if f['location'] else ''} taken for {true}"
            for i, f in enumerate(_statements(row))
            if contradicts(f, true := i == row["answer"], study)
        ]
        tally["contradicted"] += bool(bad)
        worst.update(bad)
    print("\nClaim sets with a claim that the corpus's own labels contradict (goal: under 0.2 %)")
    for source, t in sorted(by_source.items()):
        share = t["contradicted"] / t["judged"] if t["judged"] else 0.0
        print(
            f"  {source:<10} {t['claim sets']:>8,} sets  {t['judged']:>8,} judged  {t['contradicted']:>6,}  {share:.2%}"
        )
        good &= share < 0.002
    for what, n in worst.most_common(12):
        print(f"      {n:>6,} {what}")
    good &= _check_widened(claims, captions, known)
    return _check_sides(claims, captions, views) and good


def _check_widened(claims: list[Row], captions: list[Row], known: dict[tuple[str, str], Known]) -> bool:
    plain: Counter[tuple[str, str]] = Counter()
    wide: Counter[tuple[str, str]] = Counter()
    seen: dict[tuple[str, str, str], bool] = {}
    for row in [*claims, *captions]:
        for i, f in enumerate(_statements(row)):
            true = "answer" not in row or i == row["answer"]
            if f["existence"] != ABSENT or f["location"] or f["severity"] or not true or f["qualifier"]:
                continue
            key = (row["source"], row["study_id"].split("/")[0])
            if key not in known:
                continue
            at = (*key, f["condition"])
            if at not in seen:
                seen[at] = is_widened(f["condition"], known[key].text)
            plain[row["source"], f["condition"]] += 1
            wide[row["source"], f["condition"]] += seen[at]
    print("\nPlain denials that are true of their image, and whose report only denies less (goal: 0)")
    for (source, c), n in sorted(plain.items()):
        print(f"  {source:<10} {c:<28} {n:>8,}  {wide[source, c]:>6,}")
    return not sum(wide.values())


def _check_sides(claims: list[Row], captions: list[Row], views: dict[str, str]) -> bool:
    sided: Counter[str] = Counter()
    lateral: Counter[str] = Counter()
    for row in [*claims, *captions]:
        for f in _statements(row):
            place = _words(f["location"] or "")
            if place & {"left", "right", "both", "bilateral", "lingula"}:
                sided[row["source"]] += 1
                lateral[row["source"]] += views.get(Path(row["image_id"]).name) == LATERAL
    print("\nStatements of a side, and those on a lateral image (goal: 0)")
    for source, n in sorted(sided.items()):
        print(f"  {source:<10} {n:>8,}  {lateral[source]:>6,}")
    return not sum(lateral.values())


def sample(folder: Path, size: int, seed: str) -> list[list[str]]:
    """Return captions that deny a place, beside the words of their study, drawn by a hash."""
    captions = [r for r in _read(folder, "contextual_captions") if r["negation_type"] == "location"]
    known, _ = _read_corpora(captions)
    drawn = sorted(
        (r for r in captions if (r["source"], r["study_id"].split("/")[0]) in known),
        key=lambda r: hashlib.sha256(f"{seed}/{r['caption_id']}/{r['study_id']}".encode()).hexdigest(),
    )
    rows = []
    for r in drawn[:size]:
        study = known[r["source"], r["study_id"].split("/")[0]]
        labels = "; ".join(f"{label} ({' '.join(sorted(where))})" for label, where in study.labels)
        rows.append([r["source"], r["study_id"], r["caption"], labels, study.text])
    return rows


def _read(folder: Path, config: str) -> list[Row]:
    paths = sorted((folder / "data" / config).glob("*.parquet"))
    return [row for p in paths for row in pq.read_table(p).to_pylist()]


def _read_corpora(rows: list[Row]) -> tuple[dict[tuple[str, str], Known], dict[str, str]]:
    wanted: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        wanted[row["source"]].add(row["study_id"].split("/")[0])
    known: dict[tuple[str, str], Known] = {}
    views: dict[str, str] = {}
    for source, read in (("padchest", read_padchest), ("openi", read_openi)):
        if wanted[source]:
            found, seen = read(wanted[source])
            known |= {(source, k): v for k, v in found.items()}
            views |= seen
    return known, views


def _statements(row: Row) -> list[Row]:
    if "fact" in row:
        facts, kinds = [row["fact"]], [row["negation_type"]]
    else:
        facts, kinds = row["claim_facts"], row["claim_negations"]
    return [
        {"qualifier": row.get("qualifier"), **f, "negation": k if f["existence"] == "present" else "none"}
        for f, k in zip(facts, kinds, strict=True)
    ]


def main() -> int:
    """Judge a folder, or write a sample."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--seed", default="0")
    parser.add_argument("--to", type=Path, default=Path("located_denials.tsv"))
    options = parser.parse_args()
    if not options.sample:
        return 0 if check(options.folder) else 1
    rows = sample(options.folder, options.sample, options.seed)
    with options.to.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerow(["source", "study", "caption", "labels", "text", "verdict"])
        writer.writerows([*r, ""] for r in rows)
    print(f"{len(rows)} located denials: {options.to}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
