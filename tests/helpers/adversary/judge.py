"""Shows sentences to a reader and a gate, and counts by operator combination."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from adversary.clauses import Sentence
from nastdata.records import Fact


@dataclass
class Tally:
    """What came of the sentences of one combination of operators."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def note(self, fault: str, shown: str) -> None:
        self.counts[fault] += 1
        self.faults[fault].append(shown)


def judge(
    sentences: Iterable[Sentence],
    parse: Callable[[str], Any],
    check: Callable[[str, dict[str, Any]], str | None],
    wrong_each: int | None = None,
) -> dict[str, Tally]:
    """Read every sentence and hold each against the facts that it says and does not say.

    Args:
        sentences: With known truth.
        parse: Returns a reading with ``labels`` and ``unread``.
        check: Returns None if a text says exactly a fact.
        wrong_each: How many facts that a sentence does not say are tried at most; all by default.

    Returns:
        Combination of operators -> counts and faults.
    """
    out: dict[str, Tally] = defaultdict(Tally)
    for n, s in enumerate(sentences):
        tally = out[" ".join(s.operators)]
        tally.counts["sentences"] += 1
        reading = parse(s.text)
        said = {c: v for c, v in reading.labels.items() if c not in s.unasked}
        tally.counts["read exactly"] += said == s.labels
        tally.counts["unread"] += bool(reading.unread)
        if s.labels.keys() - reading.labels.keys() and not reading.unread:
            tally.note("left out in silence", f"{s.text!r}: {s.labels}, read as {said}")
        for condition, value in s.labels.items():
            if {value, said.get(condition)} == {0, 1}:
                tally.note("flips", f"{s.text!r}: {condition} is {value}, read as {said[condition]}")
        if said != s.labels and not reading.unread:
            tally.faults["misread"].append(f"{s.text!r}: {s.labels}, read as {said}")
        if s.says is not None:
            tally.counts["honest"] += 1
            why = check(s.text, asdict(s.says))
            if why is not None:
                tally.note("honest refused", f"{s.text!r}: {_name(s.says)}: {why}")
        other = s.other if wrong_each is None else _turn(s.other, n)[:wrong_each]
        for fact in other:
            tally.counts["lies"] += 1
            if check(s.text, asdict(fact)) is None:
                tally.note("lies accepted", f"{s.text!r} passed as {_name(fact)}")
    return dict(out)


def total(tallies: Iterable[Tally]) -> Tally:
    """All of them together."""
    whole = Tally()
    for t in tallies:
        whole.counts.update(t.counts)
        for fault, shown in t.faults.items():
            whole.faults[fault] += shown
    return whole


def group_by_first(tallies: dict[str, Tally]) -> dict[str, Tally]:
    """The tallies by their first operator: alone, joined to other clauses, or in another layout."""
    groups: dict[str, list[Tally]] = defaultdict(list)
    for name, tally in tallies.items():
        first, joined, _ = name.partition(" + ")
        first, wrapped, _ = first.partition(" wrapped")
        first, headed, _ = first.partition(" headed")
        kind = " + others" if joined else " (wrapped or headed)" if wrapped or headed else ""
        groups[first + kind].append(tally)
    return {name: total(each) for name, each in groups.items()}


def format_table(tallies: dict[str, Tally]) -> str:
    """Markdown: a row an operator combination, the totals last."""
    head = ["operators", "sentences", "read exactly", "unread", "silent", "flips", "honest accepted"]
    head.append("lies accepted")
    rows = [_row(name, t) for name, t in sorted(tallies.items())]
    rows.append(_row("**all**", total(tallies.values())))
    lines = ["| " + " | ".join(head) + " |", "|---" + "|--:" * (len(head) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(r) + " |" for r in rows)])


def _row(name: str, tally: Tally) -> tuple[str, ...]:
    c = tally.counts
    n = c["sentences"]
    honest = f"{c['honest'] - c['honest refused']:,} of {c['honest']:,}" if c["honest"] else "-"
    lies = f"{c['lies accepted']:,} of {c['lies']:,}"
    shares = (f"{100 * c[k] / n:.0f} %" for k in ("read exactly", "unread", "left out in silence"))
    return (name, f"{n:,}", *shares, f"{c['flips']:,}", honest, lies)


def _turn(facts: tuple[Fact, ...], n: int) -> tuple[Fact, ...]:
    at = n % max(1, len(facts))
    return facts[at:] + facts[:at]


def _name(fact: Fact) -> str:
    parts = [fact.condition, fact.existence, fact.location, fact.severity]
    return ", ".join(p for p in parts if p) + (f", denies {fact.denies}" if fact.denies else "")
