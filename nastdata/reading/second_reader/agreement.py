"""Two readings of one text: what both say, and how often they agree, by condition."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from nastdata.reading.parse import Reading
from nastdata.records import Fact, ParsedFact, Unread

_SAID = {1: "present", 0: "absent", -1: "uncertain", None: "nothing"}


@dataclass
class Agreement:
    """Counts over many texts."""

    texts: int = 0
    labels: dict[str, Counter[tuple[int | None, int | None]]] = field(default_factory=dict)
    """Condition -> (label by the rules, label by the model) -> texts."""
    left_off: Counter[str] = field(default_factory=Counter)
    """Attributes and facts that one reader alone gave, by reason."""

    def join(self, rules: Reading, model: Reading) -> Reading:
        """Return what both readings of a text say; what only one says is unread.

        A finding that both call present (or both doubtful) is kept with the place and the grade that both
        give it: without one of them it says less, and is true still. A denial is kept only with the very
        same place and grade, since it would say more without them.
        """
        self.texts += 1
        facts: list[ParsedFact] = []
        unread = [*rules.unread, *model.unread]
        for condition in dict.fromkeys([*rules.labels, *model.labels]):
            ours, theirs = rules.labels.get(condition), model.labels.get(condition)
            self.labels.setdefault(condition, Counter())[ours, theirs] += 1
            if ours != theirs:
                said = f"{_SAID[ours]} by the rules, {_SAID[theirs]} by the model"
                reason = f"the readers disagree on {condition}: {said}"
                unread += [_mark(f, rules.text, reason) for f in _of(condition, rules, model)[:1]]
                continue
            kept = self._agree(_of(condition, rules), [f.fact for f in _of(condition, model)])
            if not kept:
                reason = f"the readers disagree on the place or grade of {condition}"
                unread += [_mark(f, rules.text, reason) for f in _of(condition, rules)[:1]]
            facts += kept
        facts.sort(key=lambda f: (f.start, f.end))
        agreed = {f.fact.condition for f in facts}
        return replace(
            rules,
            labels={c: v for c, v in rules.labels.items() if c in agreed},
            facts=tuple(dict.fromkeys(facts)),
            unread=tuple(dict.fromkeys(unread)),
        )

    def _agree(self, ours: list[ParsedFact], theirs: list[Fact]) -> list[ParsedFact]:
        kept = []
        for parsed in ours:
            fact = parsed.fact
            same = [t for t in theirs if t.existence == fact.existence]
            if not same:
                self.left_off[f"{fact.existence} by the rules alone, beside another statement"] += 1
            elif fact.existence == "absent" or fact.denies:
                if any(
                    (t.location, t.severity, t.denies) == (fact.location, fact.severity, fact.denies)
                    for t in same
                ):
                    kept.append(parsed)
                else:
                    self.left_off["denials of another place or grade"] += 1
            else:
                kept.append(replace(parsed, fact=self._share(fact, same)))
        return kept

    def _share(self, fact: Fact, theirs: list[Fact]) -> Fact:
        """Return a finding with the place and grade that both give it."""
        at_place = [t for t in theirs if t.location == fact.location] or theirs
        place = fact.location if any(t.location == fact.location for t in theirs) else None
        grade = fact.severity if any(t.severity == fact.severity for t in at_place) else None
        self.left_off["places that one reader alone gives"] += place != fact.location
        self.left_off["grades that one reader alone gives"] += grade != fact.severity
        return replace(fact, location=place, severity=grade)

    def account(self) -> dict[str, Any]:
        """Return the agreement by condition, over the texts in which either reader names it."""
        return {
            "texts": self.texts,
            "by_condition": {c: self._account(c) for c in sorted(self.labels)},
            "left_off": {k: n for k, n in sorted(self.left_off.items()) if n},
        }

    def _account(self, condition: str) -> dict[str, Any]:
        pairs = self.labels[condition]
        both = sum(n for (a, b), n in pairs.items() if a == b)
        return {
            "named": pairs.total(),
            "agree": both,
            "share": round(both / pairs.total(), 4),
            "opposite": sum(n for (a, b), n in pairs.items() if {a, b} == {0, 1}),
            "rules_only": sum(n for (_, b), n in pairs.items() if b is None),
            "model_only": sum(n for (a, _), n in pairs.items() if a is None),
            "kappa": _kappa(pairs, self.texts),
        }

    def describe(self) -> list[str]:
        """Return the table as lines for a terminal."""
        head = f"{'condition':28}{'named':>8}{'agree':>8}{'%':>7}{'opposite':>10}"
        head += f"{'rules only':>12}{'model only':>12}{'kappa':>8}"
        out = [head]
        for condition in sorted(self.labels):
            a = self._account(condition)
            kappa = "-" if a["kappa"] is None else f"{a['kappa']:.2f}"
            out.append(
                f"{condition:28}{a['named']:>8,}{a['agree']:>8,}{100 * a['share']:>7.1f}{a['opposite']:>10,}"
                f"{a['rules_only']:>12,}{a['model_only']:>12,}{kappa:>8}"
            )
        return out


def _of(condition: str, *readings: Reading) -> list[ParsedFact]:
    return [f for r in readings for f in r.facts if f.fact.condition == condition]


def _mark(fact: ParsedFact, text: str, reason: str) -> Unread:
    start, end = fact.sentence_span if fact.sentence_span[1] else (fact.start, fact.end)
    return Unread(start, end, text[start:end], reason)


def _kappa(pairs: Counter[tuple[int | None, int | None]], texts: int) -> float | None:
    """Return Cohen's kappa over all texts, those that name nothing included; None if it is undefined."""
    counts = pairs.copy()
    counts[None, None] += texts - pairs.total()
    same = sum(n for (a, b), n in counts.items() if a == b) / texts
    ours: Counter[int | None] = Counter()
    theirs: Counter[int | None] = Counter()
    for (a, b), n in counts.items():
        ours[a] += n
        theirs[b] += n
    chance = sum(ours[x] * theirs[x] for x in ours) / texts**2
    return round((same - chance) / (1 - chance), 4) if chance < 1 else None
