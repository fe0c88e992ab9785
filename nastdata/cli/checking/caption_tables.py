"""How ``nastdata validate`` prints its verdicts on captions that others generated."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

VERDICTS = ("supported", "contradicted", "not_supported", "missed", "unread")


def say_inputs(report: dict[str, Any]) -> None:
    """Print to stderr how files were understood and joined, and every row that was left out."""
    reference = report["reference"]
    if reference.get("columns"):
        used = ", ".join(f"{c} = {m}" if c != m else c for c, m in reference["columns"].items())
        _say(f"on record: {reference['form']} table, columns {_shorten(used, 400)}")
    if reference.get("configs"):
        _say(f"on record: dataset folder, {', '.join(reference['configs'])}")
    if unused := reference.get("unused_label_columns"):
        _say(f"columns not used, of no known condition or without labels: {', '.join(unused)}")
    if n := reference["no_finding_texts"]:
        what = "absent, but for support devices" if reference["no_finding"] == "absent" else "not known"
        _say(f"No Finding is on record of {n:,} {_plural('text', n)}: conditions without a label are {what}")
    for what in ("conditions", "places", "grades"):
        unknown = reference[f"unknown_{what}"]
        if unknown:
            some = ", ".join(f"'{k}' {n:,}" for k, n in list(unknown.items())[:5])
            _say(f"{what} on record that are not known, left out: {some}")
    if reference["keys_with_contradictory_labels"]:
        some = ", ".join(reference["keys_with_contradictory_labels_some"])
        n = reference["keys_with_contradictory_labels"]
        _say(f"{n:,} {_plural('key', n)} with contradictory labels, which decide nothing: {some}")
    for name, f in report["files"].items():
        join = f["join"]
        how = f"by '{join['column']}' = '{join['reference_column']}', {join['way']}"
        how = how if join["column"] else join["way"]
        read = f"texts in '{f['text_column']}', {f['judged']:,} of {f['rows']:,} rows judged"
        _say(f"{name}: {read}, joined {how}")
        if n := f["unmatched"]:
            some = ", ".join(f["unmatched_some"])
            _say(f"{name}: {n:,} {'row matches' if n == 1 else 'rows match'} nothing on record: {some}")
        if n := f["reference_unused"]:
            some = ", ".join(f["reference_unused_some"])
            _say(f"{name}: {n:,} {_plural('key', n)} on record without a text: {some}")
        if n := f["blank"]:
            _say(f"{name}: {n:,} {'text is' if n == 1 else 'texts are'} blank")


def print_report(report: dict[str, Any]) -> None:
    """Print the tables: rates of all files, totals of each, differences, the worst texts."""
    files = report["files"]
    rows = []
    for rate in next(iter(files.values()))["rates"]:
        rows.append((rate.replace("_", " "), *(_say_rate(f["rates"][rate]) for f in files.values())))
    print_rows(("share, with 95 % interval", *files), rows)
    for name, f in files.items():
        head = f"{name}: " if len(files) > 1 else ""
        for what in ("condition", "polarity", "kind"):
            click.echo()
            table = f[f"by_{what}"]
            print_rows(
                (head + what, *VERDICTS), [(k, *(f"{v[x]:,}" for x in VERDICTS)) for k, v in table.items()]
            )
        click.echo()
        by = ", ".join(f"{a} {n:,}" for a, n in f["contradicted"].items())
        texts = f"{f['texts_with_a_contradiction']:,} of {f['judged']:,} texts"
        click.echo(f"{head}contradicted in: {by}; in {texts}")
        style = ", ".join(f"{k} {n:,}" for k, n in f["style"].items()) or "no fault"
        click.echo(f"{head}style, which says nothing about truth: {style}")
        reasons = ", ".join(f"{k} {n:,}" for k, n in list(f["unread_reasons"].items())[:5])
        if reasons:
            click.echo(f"{head}unread: {reasons}")
        agreement = f["label_agreement"]
        if agreement["macro_f1"] is not None:
            figures = f"micro F1 {agreement['micro_f1']:.3f}, macro F1 {agreement['macro_f1']:.3f}"
            click.echo(f"{head}agreement of labels, as F1-CheXbert counts: {figures}")
    if report["differences"]:
        click.echo()
        _print_differences(report["differences"])
    for f in files.values():
        _print_worst(f["worst"])


def _say_rate(rate: dict[str, Any]) -> str:
    if rate["value"] is None:
        return "-"
    interval = f" [{100 * rate['low']:.1f}, {100 * rate['high']:.1f}]" if rate["low"] is not None else ""
    return f"{100 * rate['value']:.1f} %{interval} ({rate['count']:,} of {rate['of']:,})"


def _print_differences(differences: Sequence[dict[str, Any]]) -> None:
    rows = []
    for d in differences:
        if d["difference"] is None:
            continue
        interval = f"[{100 * d['low']:+.1f}, {100 * d['high']:+.1f}]" if d["low"] is not None else "-"
        cells = (
            f"{d['file']} - {d['against']}",
            d["rate"].replace("_", " "),
            f"{100 * d['difference']:+.1f}",
        )
        rows.append((*cells, interval, f"{d['texts']:,}"))
    print_rows(("paired difference", "share", "points", "95 % interval", "texts"), rows)


def _print_worst(worst: Sequence[dict[str, Any]]) -> None:
    if not worst:
        return
    click.echo(f"\nthe worst of {worst[0]['file']}:")
    for text in worst:
        key = f"{text['key']}, " if text["key"] is not None else ""
        click.echo(f"  {key}row {text['row']}: {_shorten(text['text'], 240)}")
        for f in text["findings"][:6]:
            verdict = f["verdict"].replace("_", " ") + (f" in {f['attribute']}" if f["attribute"] else "")
            said = f"said {f['said']}" if f["said"] else "not said"
            click.echo(f"    {verdict}: {f['condition']}, {said}, on record {f['recorded'] or 'nothing'}")


def print_rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: with rules on a terminal, aligned plain lines elsewhere."""
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        table = Table(*head)
        for row in rows:
            table.add_row(*map(escape, row))
        Console().print(table)
        return
    widths = [max(len(r[i]) for r in (head, *rows)) for i in range(len(head))]
    for row in (head, *rows):
        click.echo("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip())


def _shorten(text: str, most: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 3] + "..."


def _plural(word: str, n: int) -> str:
    return word if n == 1 else word + "s"


def _say(line: str) -> None:
    click.echo(line, err=True)
