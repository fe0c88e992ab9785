"""Reports and captions: texts made to stop a reader, to fool a terminal, or to take for ever."""

from __future__ import annotations

import json
from pathlib import Path

from hostile.corpora import REPORT
from hostile.fuzz import Act, Attempt, Target
from hostile.mutate import Mutator
from hostile.nasty import TEXTS, json_attacks
from hostile.parquet import bad_parquet
from hostile.targets.tables import PLACES
from hostile.watch import command

SENTENCES = (
    "There is no focal consolidation, pleural effusion or pneumothorax.",
    "Small left pleural effusion, unchanged since the prior study.",
    "No evidence of acute cardiopulmonary process; mild cardiomegaly cannot be excluded.",
    "Interval resolution of the right lower lobe opacity, without new consolidation.",
    "Sin derrame pleural ni neumotórax. Cardiomegalia leve.",
    "IMPRESSION: 1. Moderate edema. 2. Fracture of the left 5th rib, old.",
    "FINDINGS: heart size is normal / lungs clear - no effusion (see above), support devices in place.",
)
LONG = {
    "one line of 1 MB": "No pneumothorax or pleural effusion and " * 26_000,
    "1 MB of sentences": "No pneumothorax. Small left effusion. " * 27_000,
    "1 MB of one word": "no" * 500_000,
    "1 MB of commas": "edema, " * 150_000,
    "nested negation": "no absence of " * 40_000 + "edema.",
    "an endless list": "no " + "effusion, edema, pneumonia or " * 20_000 + "fracture.",
    "brackets": "(" * 200_000 + "edema" + ")" * 200_000,
    "blanks": " " * 1_000_000 + "No edema.",
    "newlines": "\n" * 500_000 + "No edema.",
    "numbers": "1. " * 200_000,
    "dots": "." * 1_000_000,
    "dashes": "- " * 300_000,
    "colons": "FINDINGS: " * 60_000,
    "accents": "e\u0301" * 200_000,
    "tags": "<p>" * 150_000,
    "underscores": "_" * 500_000,
    "quotes": '"' * 300_000,
    "slashes": "left/right/" * 60_000,
    "mixed case": "nO EdEmA " * 60_000,
    "digits": "7" * 500_000,
    "hyphens": "non-" * 100_000 + "edema",
}
LABELS = b"study_id,Edema,Pleural Effusion,Pneumothorax\ns1,1,0,\ns2,0,1,-1\n"
CAPTIONS = b"study_id,caption\ns1,No edema.\ns2,There is a small left pleural effusion. No edema.\n"


def make_text(m: Mutator) -> str:
    """Compose a report and damage it."""
    r = m.rng
    parts = [r.choice(SENTENCES) for _ in range(r.randrange(1, 6))] if r.random() < 0.8 else [REPORT]
    for _ in range(r.choice((1, 1, 2, 4))):
        roll, at = r.random(), r.randrange(len(parts))
        if roll < 0.4:
            parts[at] = m.text()
        elif roll < 0.6:
            words = parts[at].split(" ")
            words[r.randrange(len(words))] = m.text()
            parts[at] = " ".join(words)
        elif roll < 0.75:
            words = parts[at].split(" ")
            r.shuffle(words)
            parts[at] = " ".join(words)
        elif roll < 0.85:
            parts[at] = parts[at] * r.choice((2, 30))
        else:
            cut = r.randrange(len(parts[at]) + 1)
            parts[at] = (
                parts[at][:cut]
                + chr(r.choice((0x300, 0x200D, 0x202E, 0x1F600, 0x3042, 0xA0)))
                + parts[at][cut:]
            )
    return r.choice((" ", "\n", "", "\n\n")).join(parts)


def prepare(box: Path) -> Attempt:
    """Reports through ``parse`` and ``validate``."""
    folder, out = box / "in", box / "out"

    def attempt(i: int, m: Mutator) -> tuple[str, Act]:
        path = folder / "r.txt"
        if i < len(LONG):
            name = list(LONG)[i]
            path.write_text(LONG[name], encoding="utf-8")
            return name, lambda: command("parse", "--report", "--json", str(path))
        if i < len(LONG) + len(TEXTS):
            text = TEXTS[i - len(LONG)]
            path.write_bytes(text.encode("utf-8", "surrogatepass"))
            return "one nasty text", lambda: command("parse", "--json", str(path))
        roll = m.rng.random()
        if roll < 0.55:
            data = make_text(m).encode("utf-8", "surrogatepass")
            if m.rng.random() < 0.15:
                data = m.raw(data)
            path.write_bytes(data)
            argv = ["parse", "--report", str(path)] if m.rng.random() < 0.7 else ["parse", str(path)]
            return "a report", lambda: command(*argv, *(["--json"] if m.rng.random() < 0.5 else []))
        if roll < 0.75:
            return _records(folder, m)
        if roll < 0.8:
            PLACES[m.rng.choice(sorted(PLACES))](path)
            return "no plain file", lambda: command("parse", "--report", str(path))
        captions, labels = folder / "c.csv", folder / "l.csv"
        captions.write_bytes(m.table(CAPTIONS) if m.rng.random() < 0.7 else CAPTIONS)
        labels.write_bytes(m.table(LABELS) if m.rng.random() < 0.7 else LABELS)
        if m.rng.random() < 0.2:
            captions.write_bytes(m.wrap(CAPTIONS))
        argv = ["validate", str(captions), "--out", str(out / "v"), "--against", str(labels)]
        return "captions against labels", lambda: command(*argv)

    return attempt


def _records(folder: Path, m: Mutator) -> tuple[str, Act]:
    kind = m.rng.choice(("jsonl", "json", "csv", "tsv", "parquet", "jsonl.gz"))
    path = folder / f"r.{kind}"
    rows = [{"id": str(i), "text": make_text(m), "more": m.value()} for i in range(3)]
    if kind == "parquet":
        bad_parquet(m, path)
    elif kind in ("csv", "tsv"):
        path.write_bytes(m.table(b"id,text\n1,No edema.\n2,Left effusion.\n"))
    elif m.rng.random() < 0.1:
        path.write_bytes(m.rng.choice(list(json_attacks().values())))
    else:
        data = json.dumps(m.json(rows)) if kind == "json" else "\n".join(json.dumps(m.json(r)) for r in rows)
        path.write_bytes(data.encode("utf-8", "surrogatepass"))
        if kind.endswith("gz"):
            path.write_bytes(m.wrap(path.read_bytes()))
    return f"records, {kind}", lambda: command("parse", "--text-key", "text", str(path))


TARGETS = (Target("reports", "`parse` and `validate FILE`: texts, records, captions beside labels", prepare),)
