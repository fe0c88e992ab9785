"""Many runs of ``nastdata evaluate`` as one table, of one version of the data only."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from nastdata.errors import UserError
from nastdata.evaluation.page.page import list_metrics, state

NAME = "evaluation.json"
SETTINGS = ("orders", "choice", "instruction", "system", "max_tokens")
"""How generative models were asked: shown where it differs between runs."""


@dataclass(frozen=True)
class Entry:
    """One model of one run."""

    model: str
    run: str
    results: Mapping[str, Any]
    asked: Mapping[str, Any]
    unusable: float | None
    """Share of unusable answers, over all metrics with the image; None for encoders."""
    failed: int


@dataclass(frozen=True)
class Board:
    """Entries that were judged on the same rows."""

    datasets: tuple[Mapping[str, Any], ...]
    metrics: tuple[str, ...]
    entries: tuple[Entry, ...]


def read_board(folders: Sequence[Path], metrics: Sequence[str] = (), sort: str | None = None) -> Board:
    """Merge runs.

    Args:
        folders: what ``evaluate --out`` wrote.
        metrics: which columns; by default all metrics without controls and shares of unusable answers.
        sort: the metric by which models are ordered, best first; by default the first column.

    Raises:
        UserError: if a folder holds no run, a metric is unknown, or the runs are of different data.
    """
    runs = [(folder, _read_run(folder)) for folder in folders]
    first_folder, first = runs[0]
    for folder, run in runs[1:]:
        _check_same(first_folder, first, folder, run)
    entries = [e for folder, run in runs for e in _list_entries(folder, run)]
    known = list_metrics({str(i): e.results for i, e in enumerate(entries)})
    chosen = list(metrics) or [m for m in known if "@" not in m and not m.startswith(("unusable_", "same_"))]
    for name in (*chosen, *([sort] if sort else [])):
        if not any(name in e.results for e in entries):
            raise UserError(f"no metric '{name}'", where="leaderboard", how=f"known: {', '.join(known)}")
    by = sort or chosen[0]
    entries.sort(key=lambda e: (-float(e.results.get(by, {}).get("mean", -1.0)), e.model, e.run))
    return Board(tuple(first["datasets"]), tuple(chosen), tuple(entries))


def write_markdown(board: Board) -> str:
    """Return a table with intervals, the data's hashes above it."""
    head, rows = _lay_out(board)
    lines = [*(_name_data(d) for d in board.datasets), ""]
    lines += ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    lines += ["| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def write_csv(board: Board) -> str:
    """Return one row a model, with mean, low and high of each metric as numbers."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    parts = ("", "_low", "_high", "_n")
    writer.writerow(
        [
            *("model", "run", "data", "unusable", "failed"),
            *(f"{m}{p}" for m in board.metrics for p in parts),
        ]
    )
    data = "+".join(str(d["hash"])[:16] for d in board.datasets)
    for e in board.entries:
        cells: list[object] = [e.model, e.run, data, "" if e.unusable is None else e.unusable, e.failed]
        for m in board.metrics:
            value = e.results.get(m)
            cells += ["", "", "", ""] if value is None else [value[k] for k in ("mean", "low", "high", "n")]
        writer.writerow(cells)
    return out.getvalue()


def write_html(board: Board) -> str:
    """Return a page of its own."""
    head, rows = _lay_out(board)
    style = (
        "body{font:15px/1.5 system-ui,sans-serif;margin:2rem}table{border-collapse:collapse}"
        "th,td{padding:.3rem .7rem;border-bottom:1px solid #e5e7eb;text-align:left;white-space:nowrap}"
    )
    data = "".join(f"<p>{escape(_name_data(d))}</p>" for d in board.datasets)
    top = "".join(f"<th>{escape(c)}</th>" for c in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in rows)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">"
        "<title>Leaderboard</title>"
        f"<style>{style}</style></head><body><h1>Leaderboard</h1>{data}<table><tr>{top}</tr>{body}</table>"
        "<p>Per cent, with 95 % intervals; patients are resampled as wholes.</p></body></html>\n"
    )


def _lay_out(board: Board) -> tuple[list[str], list[list[str]]]:
    differing = [
        s for s in SETTINGS if len({json.dumps(e.asked.get(s)) for e in board.entries if e.asked}) > 1
    ]
    answered = any(e.unusable is not None for e in board.entries)
    head = ["model", *board.metrics, *(["unusable"] if answered else []), *differing, "run"]
    rows = []
    for e in board.entries:
        row = [e.model, *(state(e.results.get(m)) for m in board.metrics)]
        if answered:
            failed = f" ({e.failed:,} without an answer)" if e.failed else ""
            row.append("" if e.unusable is None else f"{100 * e.unusable:.1f}{failed}")
        row += [str(e.asked.get(s, "")) if e.asked else "" for s in differing]
        rows.append([*row, e.run])
    return head, rows


def _name_data(d: Mapping[str, Any]) -> str:
    limit = f", at most {d['limit']} rows of each config" if d.get("limit") else ""
    return f"Data: {d['label']}, split {d['split']}{limit}, sha256 {d['hash']}"


def _read_run(folder: Path) -> dict[str, Any]:
    path = folder / NAME if folder.is_dir() else folder
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise UserError(
            f"not a run of `nastdata evaluate` ({type(e).__name__})",
            where=str(path),
            how="give its --out folder",
        ) from e
    if not isinstance(run, dict) or not run.get("results"):
        raise UserError(
            "no results in it", where=str(path), how="give the --out folder of `nastdata evaluate`"
        )
    if not run.get("datasets") or any("hash" not in d for d in run["datasets"]):
        raise UserError(
            "it does not say which version of the data it is of", where=str(path), how="evaluate again"
        )
    return run


def _check_same(first_folder: Path, first: Report, folder: Path, run: Report) -> None:
    """Refuse to put runs on different rows into one table."""

    def key(d: Mapping[str, Any]) -> tuple[Any, ...]:
        return d["hash"], d["split"], d.get("limit")

    ours, theirs = [key(d) for d in first["datasets"]], [key(d) for d in run["datasets"]]
    if sorted(map(str, ours)) == sorted(map(str, theirs)):
        return
    told = [
        "; ".join(
            f"{d['label']} {str(d['hash'])[:12]}, split {d['split']}, limit {d.get('limit')}" for d in r
        )
        for r in (first["datasets"], run["datasets"])
    ]
    raise UserError(
        f"runs on different data: {first_folder} is of {told[0]}; {folder} is of {told[1]}",
        where="leaderboard",
        how="evaluate all models on one version of the data, with the same --split and --limit",
    )


Report = Mapping[str, Any]


def _list_entries(folder: Path, run: Report) -> list[Entry]:
    out = []
    for model, results in run["results"].items():
        generative = (run["models"].get(model) or {}).get("generative") or {}
        counts = [u for found in generative.values() for m, u in found["unusable"].items() if "@" not in m]
        answers = sum(u["answers"] for u in counts)
        unusable = sum(u["unusable"] for u in counts) / answers if answers else None
        failed = sum(sum(found["ledger"]["failed"].values()) for found in generative.values())
        asked = (run.get("asked") or {}) if generative else {}
        out.append(Entry(model, str(folder), results, asked, unusable, failed))
    return out
