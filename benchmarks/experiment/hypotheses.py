"""The hypotheses of ``docs/experiment-plan.md``: each with its measure, comparison and rule of decision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from experiment.generalisation import TESTS
from experiment.intervals import Estimate, Runs, estimate
from experiment.judge import AS_TRAINED
from experiment.measures import DENIES, EQUAL, compare, equalise, measure, take_target
from experiment.methods import UNTRAINED
from experiment.posthoc import POSTHOC
from nastdata.statistics import Floats
from nastdata.tracing.agreement import rank_correlation

POINT = 0.01
PRIMARY_LEVEL = 0.9875
"""Four primary hypotheses share an error of 5 % (Bonferroni)."""


@dataclass(frozen=True)
class Rule:
    """When the answer is yes, and when it is no; in between it is not decided. Bounds in points."""

    yes_above: float = 0.0
    """Yes: the whole interval is above."""
    no_below: float = 1.0
    """No: the whole interval is below."""
    same: float | None = None
    """Instead: yes if the whole interval is within plus and minus this, no if it is wholly outside."""

    def decide(self, found: Estimate) -> str:
        """Return yes, no or not decided."""
        if not found.known:
            return "not decided"
        low, high = found.low / POINT, found.high / POINT
        if self.same is not None:
            if -self.same < low and high < self.same:
                return "yes"
            return "no" if low > self.same or high < -self.same else "not decided"
        if low > self.yes_above:
            return "yes"
        return "no" if high < self.no_below else "not decided"

    def describe(self) -> str:
        """Return the rule in words."""
        if self.same is not None:
            return f"yes: within ±{self.same:g} points; no: wholly outside"
        return f"yes: above {self.yes_above:+g}; no: below {self.no_below:+g}"


GAIN = Rule()
"""A gain: anything above nothing; none that is worth a point."""


def at_least(points: float) -> Rule:
    """Return the rule of a difference that is to be larger than so many points."""
    return Rule(points, points)


@dataclass(frozen=True)
class Hypothesis:
    """One question."""

    name: str
    question: str
    first: str
    """Method."""
    second: str | None
    """What it is held against; None: the measure itself, not a difference."""
    what: str
    """Measure (``measures.measure``), or ``equal``: denying claims at equal affirming accuracy."""
    rule: Rule = GAIN
    test: str = AS_TRAINED
    primary: bool = False
    sign: float = 1.0
    offset: float = 0.0
    """Added to the estimate, in points: 50 with sign -1 asks whether a share is below one half."""

    @property
    def comparison(self) -> str:
        """What is estimated, in words."""
        told = self.first if self.second is None else f"{self.first} - {self.second}"
        if self.sign < 0:
            told = f"{self.offset:g} - ({told})"
        what = "denies, at equal affirming accuracy" if self.what == "equal" else self.what
        return f"{told}: {what}" + ("" if self.test == AS_TRAINED else f" ({self.test})")

    def evaluate(self, found: Mapping[str, Runs]) -> Estimate:
        """Estimate the comparison; unknown where a method was not run."""
        level = PRIMARY_LEVEL if self.primary else 0.95
        wanted = [m for m in (self.first, self.second) if m is not None]
        if any(m not in found for m in wanted):
            return Estimate(float("nan"), float("nan"), float("nan"))
        if self.what == "equal":
            made = [equal_runs(found, m, self.test) for m in wanted]
            out = compare(made[0], made[1], f"{EQUAL}:{DENIES}", self.test)
        elif self.second is None:
            out = estimate(measure(found[self.first], self.what, self.test), level)
        else:
            first, second = found[self.first], found[self.second]
            terms = [*measure(first, self.what, self.test), *measure(second, self.what, self.test, -1.0)]
            out = estimate(terms, level)
        if self.sign > 0:
            return out
        add = self.offset * POINT
        return Estimate(add - out.mean, add - out.high, add - out.low)


def equal_runs(found: Mapping[str, Runs], method: str, test: str = AS_TRAINED) -> Runs:
    """Every run shifted to the affirming accuracy of its own pretrained model."""
    targets = [take_target(seeds) for seeds in found[UNTRAINED]]
    return [equalise([seeds], t, test)[0] for seeds, t in zip(found[method], targets, strict=True)]


def list_hypotheses() -> tuple[Hypothesis, ...]:
    """Return all hypotheses, numbered in the order of the plan."""
    return tuple(Hypothesis(f"H{i}", *rest) for i, rest in enumerate(_list(), 1))  # type: ignore[arg-type]


def _list() -> Iterator[tuple[object, ...]]:
    """Yield (question, first, second, what, rule, test, primary, sign, offset)."""

    def ask(
        question: str,
        first: str,
        second: str | None,
        what: str = "balanced",
        rule: Rule = GAIN,
        test: str = AS_TRAINED,
        primary: bool = False,
        sign: float = 1.0,
        offset: float = 0.0,
    ) -> tuple[object, ...]:
        return (question, first, second, what, rule, test, primary, sign, offset)

    kept = at_least(-2)
    yield ask("Does the pretrained model affirm too readily?", UNTRAINED, None, "gap", at_least(5))
    yield ask("Do the data teach negation?", "uniform", UNTRAINED, "denies", at_least(5), primary=True)
    yield ask("... without loss where the truth affirms?", "uniform", UNTRAINED, "affirms", kept)
    for k in (1, 5):
        yield ask(f"... or in R@{k}?", "uniform", UNTRAINED, f"recall@{k}:affirmative", kept)
    yield ask("Contextual data rather than existence only?", "uniform", "existence only", primary=True)
    yield ask("Must texts deny?", "uniform", "no negation")
    yield ask("Must they be true?", "uniform", "shuffled truths")
    yield ask("Must there be images?", "uniform", "no image")
    yield ask("Do trace weights help?", "trace", "uniform", primary=True)
    yield ask("... at equal affirming accuracy?", "trace", "uniform", "equal")
    yield ask("Does the published rule help?", "trace, as published", "uniform")
    yield ask("... at equal affirming accuracy?", "trace, as published", "uniform", "equal")
    yield ask("Do weights by the ratio of means help?", "trace, ratio of means", "uniform")
    yield ask("Do they help more than the same weights, shuffled?", "trace", "permuted", primary=True)
    yield ask("... than the reverse?", "trace", "reversed")
    yield ask("... than from last to first?", "trace", "flipped")
    yield ask("... than uniform of the same norm?", "trace", "same norm")
    yield ask("Does the trace point at the blocks that matter?", "top three", "bottom three")
    yield ask("Do three blocks do what all do?", "top three", "uniform", "balanced", kept)
    yield ask("Is scaling gradients under AdamW idle?", "gradient", "uniform", "balanced", Rule(same=2))
    yield ask("... and under SGD?", "gradient, SGD", "uniform, SGD", "balanced", Rule(same=2))
    yield ask("Are weights of heads better than of layers?", "heads", "trace")
    yield ask("Is a second trace midway better?", "traced again", "trace")
    for test, new in TESTS.items():
        yield ask(f"Does the gain carry over to {new}?", "uniform", UNTRAINED, "balanced", GAIN, test)
    for rival in POSTHOC:
        yield ask(f"Does training beat {rival}, which trains no tower?", "uniform", rival)
    for rival in ("con1", "con2", "con-clip", "negclip", "negbench mcq", "bi-mcq"):
        yield ask(f"Is {rival} better than claims?", rival, "uniform")
    test = "mednega"
    yield ask("Do claims teach MedNega?", "uniform", UNTRAINED, "mcq_negated", GAIN, test)
    yield ask("Do claims and groups?", "claims and groups", UNTRAINED, "mcq_negated", at_least(5), test)
    yield ask("... without loss on claims?", "claims and groups", "uniform", "balanced", kept)
    yield ask(
        "Do right answers need the image (fewer than half survive another one)?",
        "claims and groups",
        None,
        "survives_swapped_negated",
        at_least(0),
        test,
        False,
        -1.0,
        50.0,
    )


def write_table() -> str:
    """Return the table of the plan."""
    lines = ["| | question | estimated | decision |", "|---|---|---|---|"]
    for h in list_hypotheses():
        name = f"**{h.name}**" if h.primary else h.name
        lines.append(f"| {name} | {h.question} | {h.comparison} | {h.rule.describe()} |")
    for name, question, what in TRACE_QUESTIONS:
        rule = f"yes: every one at least {CORRELATED:g}; no: none"
        lines.append(f"| {name} | {question} | {what} | {rule} |")
    return "\n".join(lines)


TRACE_QUESTIONS = (
    (
        "T1",
        "Is the trace the same on other pretrained models?",
        "rank correlation of robust effects, each two",
    ),
    ("T2", "Do estimators agree?", "rank correlation of mean of ratios and ratio of means, each model"),
)
CORRELATED = 0.5


def answer_traces(effects: Sequence[Mapping[str, Floats]]) -> dict[str, tuple[list[float], str]]:
    """Answer the questions about traces.

    Args:
        effects: Of each pretrained model: estimator -> (blocks,) effect.

    Returns:
        Name of the question -> the correlations, and yes, no or not decided.
    """
    found = {
        "T1": [rank_correlation(a["robust"], b["robust"]) for a, b in combinations(effects, 2)],
        "T2": [rank_correlation(e["mean_of_ratios"], e["ratio_of_means"]) for e in effects],
    }
    return {name: (values, _decide_all(values)) for name, values in found.items()}


def _decide_all(values: Sequence[float]) -> str:
    high = [v >= CORRELATED for v in values]
    if not values or any(high) != all(high):
        return "not decided"
    return "yes" if all(high) else "no"
