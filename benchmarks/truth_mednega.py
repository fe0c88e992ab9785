"""MedNega's share of ``truth.py``: do options contradict themselves, and are right options true of the study.

What a phrase denies is written here a second time, by hand, and not read from the ontology: two people who
wrote the same mistake twice would have to have made it independently. Findings have short names (``CODES``).
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections import Counter
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

Labels = dict[str, float]
CODES = {
    "Enlarged Cardiomediastinum": "wide",
    "Cardiomegaly": "heart",
    "Lung Opacity": "opacity",
    "Lung Lesion": "lesion",
    "Edema": "edema",
    "Consolidation": "consol",
    "Pneumonia": "pneumonia",
    "Atelectasis": "atelectasis",
    "Pneumothorax": "ptx",
    "Pleural Effusion": "effusion",
    "Pleural Other": "pleura",
    "Fracture": "fracture",
    "Support Devices": "devices",
}
LUNG = {"opacity", "lesion", "edema", "consol", "pneumonia", "atelectasis"}
"""CheXpert's hierarchy: lung opacity and what is below it. An enlarged heart is below a wide mediastinum."""
NAMES: dict[str, set[str]] = {
    **{c: {c} for c in CODES.values()},
    "opacity": LUNG,
    "wide": {"wide", "heart"},
    "pleura": {"pleura", "effusion", "ptx"},  # it is called "pleural abnormality"
}
"""Finding -> all that "no (finding)" denies."""
PARENTS = {**{c: "opacity" for c in LUNG - {"opacity"}}, "heart": "wide"}
PHRASES: dict[str, tuple[str, set[str]]] = {
    # phrase: (finding that it stands for the absence of, what can't be there if it is true)
    "normal mediastinal contours": ("wide", {"wide", "heart"}),
    "normal mediastinal width": ("wide", {"wide", "heart"}),
    "normal cardiomediastinal contours": ("wide", {"wide", "heart"}),
    "mediastinum of normal width": ("wide", {"wide", "heart"}),
    "normal heart size": ("heart", {"heart"}),
    "normal cardiac size": ("heart", {"heart"}),
    "normal cardiothoracic ratio": ("heart", {"heart"}),
    "normal cardiac silhouette": ("heart", {"heart"}),
    "well-aerated lung fields": ("opacity", LUNG | {"ptx", "effusion"}),
    "lung parenchyma of normal density": ("opacity", LUNG),
    "normal lung transparency": ("opacity", LUNG | {"effusion"}),
    "clear lungs": ("opacity", LUNG | {"effusion"}),
    "homogeneous lung parenchyma": ("lesion", LUNG),
    "rounded lung shadows confined to end-on vessels": ("lesion", {"lesion"}),
    "even lung texture": ("lesion", LUNG),
    "normal pulmonary vascularity": ("edema", {"edema"}),
    "pulmonary vessels of normal caliber": ("edema", {"edema"}),
    "normal pulmonary vascular pattern": ("edema", {"edema"}),
    "sharply defined pulmonary vessels": ("edema", LUNG | {"effusion"}),
    "clear lung parenchyma": ("consol", LUNG),
    "preserved vessel outlines throughout the lungs": (
        "consol",
        {"consol", "pneumonia", "atelectasis", "lesion", "effusion", "ptx"},
    ),
    "air-filled lung parenchyma": ("consol", LUNG),
    "normally aerated lung parenchyma": ("pneumonia", LUNG),
    "lung parenchyma of normal transparency": ("pneumonia", LUNG),
    "clear air spaces": ("pneumonia", LUNG),
    "well-aerated expanded lungs": ("atelectasis", LUNG | {"ptx", "effusion"}),
    "normal lung volumes": ("atelectasis", {"atelectasis", "ptx"}),
    "fully inflated lungs": ("atelectasis", {"atelectasis", "consol", "pneumonia", "ptx", "effusion"}),
    "lung segments of normal volume": ("atelectasis", {"atelectasis", "ptx"}),
    "fully expanded lungs": ("ptx", {"ptx", "atelectasis", "effusion"}),
    "lung markings out to the periphery": ("ptx", {"ptx"}),
    "lung markings reaching the chest wall": ("ptx", {"ptx", "effusion"}),
    "preserved peripheral lung markings": ("ptx", {"ptx"}),
    "sharp costophrenic angles": ("effusion", {"effusion", "pleura"}),
    "deep costophrenic recesses": ("effusion", {"effusion", "pleura"}),
    "clear costophrenic angles": ("effusion", {"effusion", "pleura"}),
    "smooth pleural surfaces": ("pleura", {"pleura"}),
    "thin pleural surfaces": ("pleura", {"pleura"}),
    "pleura of normal thickness": ("pleura", {"pleura"}),
    "intact bony structures": ("fracture", {"fracture"}),
    "intact bony thorax": ("fracture", {"fracture"}),
    "intact osseous structures": ("fracture", {"fracture"}),
    "continuous bone cortices": ("fracture", {"fracture"}),
    "device-free chest": ("devices", {"devices"}),
    "hardware-free chest": ("devices", {"devices"}),
    "uninstrumented chest": ("devices", {"devices"}),
}
BY_LENGTH = sorted(PHRASES, key=len, reverse=True)


def read_chexpert() -> dict[str, Labels]:
    """Return study -> finding -> label of CheXpert's own table, blanks left out."""
    try:
        held = [f for f in files("torchxrayvision") or [] if f.name == "chexpert_train.csv.gz"]
    except PackageNotFoundError:
        held = []
    out: dict[str, Labels] = {}
    for path in held[:1]:
        rows = csv.DictReader(io.StringIO(gzip.decompress(Path(str(path.locate())).read_bytes()).decode()))
        for row in rows:
            study = re.search(r"(patient\d+)/(study\d+)/", row["Path"])
            assert study, row["Path"]
            out["/".join(study.groups())] = {
                code: float(row[name]) for name, code in CODES.items() if row[name] != ""
            }
    return out


def find_phrases(text: str) -> dict[str, str]:
    """Return finding -> the phrase for its absence that a text holds; longer phrases count first."""
    left, out = text.lower(), {}
    for phrase in BY_LENGTH:
        if re.search(rf"(?<![\w-]){re.escape(phrase)}(?![\w-])", left):
            left = left.replace(phrase, "*")
            out[PHRASES[phrase][0]] = phrase
    return out


def judge_option(said: dict[str, int], phrases: dict[str, str]) -> tuple[bool, bool]:
    """Return whether an option's negated text contradicts itself, and whether its affirmative text does."""
    present = {c for c, v in said.items() if v}
    by_name = any(NAMES[c] & present for c, v in said.items() if not v)
    return by_name, any(PHRASES[p][1] & present for p in phrases.values())


def judge_study(said: dict[str, int], phrases: dict[str, str], labels: Labels) -> Counter[str]:
    """Count in what ways the right option is contradicted by what is known of its study."""
    known = {value: {c for c, v in labels.items() if v == value} for value in (1, 0, -1)}
    wrong = Counter[str]()
    for c, v in said.items():
        wrong["is not the study's label"] += labels.get(c) != v
        if v:
            wrong["calls present what a parent's absence rules out"] += PARENTS.get(c) in known[0]
        else:
            wrong["'no X' beside a present finding that it denies"] += bool(NAMES[c] & known[1])
            wrong["'no X' beside an uncertain finding that it denies"] += bool(NAMES[c] & known[-1])
    for p in phrases.values():
        wrong["phrase beside a present finding that it denies"] += bool(PHRASES[p][1] & known[1])
        wrong["phrase beside an uncertain finding that it denies"] += bool(PHRASES[p][1] & known[-1])
    return wrong


def is_strict(phrases: dict[str, str], labels: Labels) -> bool:
    """Return whether all that either text denies is known to be absent, by label or by an absent parent."""
    absent = {c for c, v in labels.items() if v == 0}
    absent |= {c for c, parent in PARENTS.items() if parent in absent and labels.get(c) is None}
    return all(PHRASES[p][1] | NAMES[c] <= absent for c, p in phrases.items())


def check(folder: Path) -> bool:
    """Print the tables of a folder's ``mednega`` config; return whether every goal is met."""
    rows: list[dict[str, Any]] = []
    for path in sorted((folder / "data" / "mednega").glob("*.parquet")):
        rows += pq.read_table(path).to_pylist()
    studies = read_chexpert() if any(r["source"] == "chexpert" for r in rows) else {}
    items, options, wrong = Counter[str](), Counter[str](), Counter[str]()
    used, right_uses, false_uses = Counter[str](), Counter[str](), Counter[str]()
    unknown: list[str] = []
    for row in rows:
        names = [CODES.get(c) for c in row["conditions"]]
        if None in names:
            print(f"{row['conditions']}: not findings of the chest ontology; nothing is judged")
            return False
        answer = "ABCD".index(row["answer"])
        items["all"] += 1
        told = zip(row["choice_labels"], row["affirmative_choices"], strict=True)
        for at, (values, text) in enumerate(told):
            said = {str(c): v for c, v in zip(names, values, strict=True)}
            phrases = find_phrases(text)
            if set(phrases) != {c for c, v in said.items() if not v}:
                unknown.append(text)
            negated, affirmative = judge_option(said, phrases)
            which = "right" if at == answer else "wrong"
            options[f"{which}, negated"] += negated
            options[f"{which}, affirmative"] += affirmative
            options["all"] += 1
            used.update(phrases.values())
            if at == answer and row["source"] == "chexpert":
                labels = studies[str(row["study_id"])]
                found = judge_study(said, phrases, labels)
                wrong.update({k: int(n > 0) for k, n in found.items()})
                items["judged against their study"] += 1
                items["contradicted"] += any(found.values())
                items["strict: all that is denied is known to be absent"] += is_strict(phrases, labels)
                right_uses.update(phrases.values())
                present = {c for c, v in labels.items() if v == 1}
                false_uses.update(p for p in phrases.values() if PHRASES[p][1] & present)
    print(f"\n| MedNega, {options['all']:,} options | contradict themselves |\n|---|---|")
    kinds = ("right, negated", "right, affirmative", "wrong, negated", "wrong, affirmative")
    for kind in kinds:
        print(f"| {kind} | {options[kind]:,} |")
    if items["judged against their study"]:
        print(f"\n| right options of {items['judged against their study']:,} items | items |\n|---|---|")
        for kind, n in wrong.items():
            print(f"| {kind} | {n:,} |")
        for kind in ("contradicted", "strict: all that is denied is known to be absent"):
            print(f"| {kind} | {items[kind]:,} |")
    print("\n| phrase | for no | uses | in right options | false there |\n|---|---|---|---|---|")
    for phrase, (finding, _) in PHRASES.items():
        print(
            f"| {phrase} | {finding} | {used[phrase]:,} | {right_uses[phrase]:,} | {false_uses[phrase]:,} |"
        )
    for text in dict.fromkeys(unknown[:5]):
        print(f"not in the table of phrases: {text}")
    return not (unknown or any(options[k] for k in kinds) or items["contradicted"])
