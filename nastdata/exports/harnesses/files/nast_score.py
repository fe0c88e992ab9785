"""Scores a file of predictions of VLMEvalKit: ``python nast_score.py PREDICTIONS.xlsx [--json]``.

Reads .xlsx, .tsv, .csv or .pkl; needs pandas. Prints accuracy by wording with a standard error over
patients, the gap, whole groups, and the share of answers from which no option could be read.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = str(Path(__file__).resolve().parent)
if HERE not in sys.path:
    sys.path.insert(0, HERE)

import nast_metrics as metrics  # noqa: E402
from nast_answer_reader import read_answer  # noqa: E402


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file of predictions."""
    import pandas as pd

    readers: dict[str, Any] = {".xlsx": pd.read_excel, ".pkl": pd.read_pickle, ".csv": pd.read_csv}
    if path.suffix == ".tsv":
        frame = pd.read_csv(path, sep="\t")
    elif path.suffix in readers:
        frame = readers[path.suffix](path)
    else:
        raise SystemExit(f"{path}: give .xlsx, .tsv, .csv or .pkl")
    return [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]


def score_rows(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures."""
    out = []
    for row in rows:
        options = [str(row[x]) for x in "ABCDEFG" if isinstance(row.get(x), str) and row[x]]
        said = row["prediction"] if isinstance(row["prediction"], str) else ""
        reading = read_answer(said, options)
        kept = {k: row[k] for k in ("wording", "item_id", "group_id", "group_size", "patient_id")}
        right, none = float(reading.letter == row["answer"]), float(reading.letter is None)
        out.append({**kept, "score": right, "unusable": none})
    figures: dict[str, Any] = {}
    for wording in dict.fromkeys(r["wording"] for r in out):
        some = [r for r in out if r["wording"] == wording]
        figures[wording] = {
            "accuracy": metrics.accuracy(some),
            "stderr": metrics.clustered_stderr(some),
            "whole_groups": metrics.whole_groups(some),
            "unusable": metrics.unusable(some),
            "n": len(some),
        }
    figures["gap"] = metrics.gap(out)
    return figures


def main() -> None:
    """Print the figures."""
    names = [a for a in sys.argv[1:] if not a.startswith("--")]
    if len(names) != 1:
        raise SystemExit("usage: python nast_score.py PREDICTIONS.xlsx [--json]")
    figures = score_rows(read_rows(Path(names[0])))
    if "--json" in sys.argv:
        print(json.dumps(figures, indent=1))
        return
    for wording, f in figures.items():
        if isinstance(f, dict):
            print(
                f"{wording:<12} accuracy {f['accuracy']:.3f} +- {f['stderr']:.3f}  whole groups "
                f"{f['whole_groups']:.3f}  unusable {f['unusable']:.3f}  n={f['n']}"
            )
    print(f"gap (affirmative - negated): {figures['gap']:.3f}")


if __name__ == "__main__":
    main()
