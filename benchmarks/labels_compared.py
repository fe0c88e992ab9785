"""How do labels of another labeler agree with ours, by condition?

    python benchmarks/labels_compared.py --labels labeled_reports.csv               # it holds the reports
    python benchmarks/labels_compared.py --labels openi_gld_std14.csv --source openi
    python benchmarks/labels_compared.py --labels negbio.csv.gz --source padchest --key StudyID

``--labels`` is a CSV of the CheXpert labeler or of NegBio: one row a report, a column a condition; 1 present,
0 absent, -1 uncertain, blank not mentioned. A column ``Reports`` holds the texts; without it the first column
(or ``--key``) names the study, and ``--source`` has its report. Columns of NIH's 14 findings are known too
(Effusion; Mass and Nodule together are a lung lesion); where a table has no blanks, 0 is "not stated".

Two of ours are held against them: the reader, on the report's text, and (with ``--source``) the facts that a
build uses, which headings or labels of the corpus confirm.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import truth_contextual

Labels = Mapping[str, float | None]
NAMES = {
    "effusion": "Pleural Effusion",
    "mass": "Lung Lesion",
    "nodule": "Lung Lesion",
    "airspace opacity": "Lung Opacity",
}
"""Names of columns that are not the ontology's own."""
READERS = {"openi": truth_contextual.read_openi, "padchest": truth_contextual.read_padchest}
VALUES = (1, 0, -1, None)
SHOWN: dict[float | None, str] = {1: "present", 0: "absent", -1: "uncertain", None: "not stated"}


def read_table(path: Path, key: str | None, conditions: Iterable[str]) -> Iterator[tuple[str, str, Labels]]:
    """Yield (study, report or "", labels) of each row.

    Raises:
        SystemExit: if the table has no column of a condition, or a value is no label.
    """
    known = {c.lower(): c for c in conditions} | NAMES
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        table = csv.DictReader(file)
        columns = table.fieldnames or []
        plain = {c: c.strip().replace("_", " ").lower() for c in columns}
        ours = {c: known[name] for c, name in plain.items() if name in known}
        if not ours:
            raise SystemExit(f"{path}: no column names a condition ({', '.join(columns[:5])} ...)")
        if key is not None and key not in columns:
            raise SystemExit(f"{path}: no column '{key}'")
        text = next((c for c in columns if c.strip().lower() in ("reports", "report", "text")), None)
        for number, row in enumerate(table, start=2):
            labels: dict[str, float | None] = {}
            for column, condition in ours.items():
                value = _read_label((row[column] or "").strip(), f"{path}, row {number}, {column}")
                before = labels.get(condition)
                labels[condition] = value if before is None else max(before, value or 0)
            yield row[key or columns[0]] or "", row[text] or "" if text else "", labels


def _read_label(cell: str, where: str) -> float | None:
    if cell.lower() in ("", "nan"):
        return None
    try:
        value = int(float(cell))
    except ValueError:
        raise SystemExit(f"{where}: '{cell[:20]}' is no label (1, 0, -1 or blank)") from None
    if value not in (1, 0, -1):
        raise SystemExit(f"{where}: '{cell[:20]}' is no label (1, 0, -1 or blank)")
    return value


def compare(
    pairs: Iterable[tuple[float | None, float | None]], *, blanks: bool
) -> dict[str, float | int | None]:
    """Return how theirs and ours agree on one condition.

    Args:
        pairs: (theirs, ours) of each report.
        blanks: whether theirs tells absent from not stated; if not, all but 1 is one value.

    Returns:
        Counts (``opposite``: one says present, the other absent; null without blanks), the share of equal
        values, Cohen's kappa (null if both always say the same), and of what they call present how much we
        do, and the reverse (null if there is none).
    """
    counts = Counter(pairs)
    if not blanks:
        merged: Counter[tuple[float | None, float | None]] = Counter()
        for (a, b), n in counts.items():
            merged[1 if a == 1 else None, 1 if b == 1 else None] += n
        counts = merged
    n = sum(counts.values())
    equal = sum(c for (a, b), c in counts.items() if a == b)
    theirs, ours = Counter[float | None](), Counter[float | None]()
    for (a, b), c in counts.items():
        theirs[a] += c
        ours[b] += c
    chance = sum(theirs[v] * ours[v] for v in VALUES) / n**2 if n else 1.0
    both = counts[1, 1]
    return {
        "reports": n,
        "they say present": theirs[1],
        "we say present": ours[1],
        "both": both,
        "opposite": counts[1, 0] + counts[0, 1] if blanks else None,
        "agreement": equal / n if n else None,
        "kappa": (equal / n - chance) / (1 - chance) if n and chance < 1 else None,
        "theirs that we have": both / theirs[1] if theirs[1] else None,
        "ours that they have": both / ours[1] if ours[1] else None,
    }


def main() -> int:
    """Print a table a comparison."""
    from nastdata.ontology import load_ontology
    from nastdata.reading.api import parse

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--source", choices=sorted(READERS))
    parser.add_argument("--key", help="column that names the study")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--disagreements", type=int, default=0, help="how many to print for each condition")
    options = parser.parse_args()
    ontology = load_ontology("chest_xray")
    rows = list(read_table(options.labels, options.key, ontology.order))
    texts = {study: text for study, text, _ in rows}
    if options.source:
        known, _ = READERS[options.source](set(texts))
        texts = {study: known[study].text for study in texts if study in known}
    elif not any(texts.values()):
        raise SystemExit(f"{options.labels}: no column of reports; say whose with --source")
    language = "spanish" if options.source == "padchest" else "english"
    if language == "spanish":
        from nastdata.reading.parse import get_parser

        reader = get_parser(ontology, "spanish")
        said = {s: reader.parse(t, report=True).labels for s, t in texts.items()}
    else:
        said = {s: parse(t, ontology=ontology, report=True).labels for s, t in texts.items()}
    ours: dict[str, Mapping[str, Labels]] = {"reader": dict(said)}
    if options.source:
        ours["facts of a build"] = dict(_list_labels(options.source, set(texts)))
    blanks = any(v is None for _, _, labels in rows for v in labels.values())
    missing = sum(study not in texts for study, _, _ in rows)
    found: dict[str, dict[str, dict[str, float | int | None]]] = {}
    for name, by_study in ours.items():
        found[name] = {}
        for condition in ontology.order:
            pairs = [
                (labels[condition], by_study.get(study, {}).get(condition), study)
                for study, _, labels in rows
                if condition in labels and study in texts
            ]
            if pairs:
                found[name][condition] = compare(((a, b) for a, b, _ in pairs), blanks=blanks)
            differ = [p for p in pairs if (p[0] == 1) != (p[1] == 1)]
            for theirs, mine, study in differ[: options.disagreements]:
                print(f"{name}: {condition}: they {SHOWN[theirs]}, we {SHOWN[mine]}: {study}: {texts[study]}")
    if options.json:
        print(json.dumps({"reports": len(rows) - missing, "without a report": missing, **found}, indent=2))
        return 0
    print(f"{len(rows) - missing:,} reports; {missing:,} rows without one")
    for name, by_condition in found.items():
        print(f"\n{name}\n| condition | " + " | ".join(next(iter(by_condition.values()))) + " |")
        print("|---" * (1 + len(next(iter(by_condition.values())))) + "|")
        for condition, figures in by_condition.items():
            print(f"| {condition} | " + " | ".join(_show(v) for v in figures.values()) + " |")
    return 0


def _list_labels(source: str, wanted: set[str]) -> Iterator[tuple[str, Labels]]:
    from nastdata.ontology import load_ontology
    from nastdata.sources import get_source
    from nastdata.sources.base import Options

    ontology = load_ontology("chest_xray")
    frame = get_source(source).load_labels(None, ontology, Options()).frame
    for row in frame.iter_rows(named=True):
        if row["study_id"] in wanted:
            yield row["study_id"], {c: row[c] for c in ontology.order}


def _show(value: float | int | None) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.2f}"


if __name__ == "__main__":
    sys.exit(main())
