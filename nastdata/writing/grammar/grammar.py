"""The sentence frames of options: how three statements of presence or absence become one sentence.

Two families. A *segment frame* gives every condition a segment with a cue of its own, in the plan's order,
and joins the segments. A *group frame* gathers what is present and what is absent into two lists.

Every frame can say any of the eight polarities of three conditions, in a negated and an affirmative text.
An adversative "but" or "yet" of the negated text becomes "and" in the affirmative one.
"""

from __future__ import annotations

from dataclasses import dataclass

from nastdata.writing.grammar.phrasings import Kind


@dataclass(frozen=True, slots=True)
class SegmentFrame:
    """One segment a condition.

    With a ``contrast``, what is present and what is absent stand together, the polarity of the first segment
    first: the contrast joins the two sides, ``pair`` two segments of one side. ``first`` and ``last`` join
    three segments of one polarity, or any three where there is no contrast.
    """

    kind: Kind
    first: str
    last: str
    contrast: str | None = None
    opener: str = ""

    @property
    def pair(self) -> str:
        """What joins two segments of the same polarity beside a contrast."""
        return self.first if self.first.startswith(";") else " and "


@dataclass(frozen=True, slots=True)
class GroupFrame:
    """Two lists, one of what is present and one of what is absent.

    Slots of the present list: ``{p}`` joined by "and", ``{P}`` with articles, ``{pbe}`` its verb, ``{pf}``
    the verb of its first item (after "there"). Of the absent list: ``{n}`` joined by "and", ``{N}`` with
    articles, ``{o}`` and ``{O}`` by "or", ``{neither}`` and ``{Neither}`` (with articles), verbs ``{nbe}``,
    ``{nf}`` (first), ``{nl}`` (last). Beside a verb the lists have articles. Of the affirmative
    alternatives: ``{a}``, ``{abe}``, ``{af}``. ``{v}`` and ``{w}`` are words of ``cues.SEEN``.
    """

    mixed: str
    only_present: str
    only_absent: str


_WHILE, _WHEREAS, _ALTHOUGH = ", while ", ", whereas ", ", although "
_BUT, _YET = "[, but |, and ]", "[, yet |, and ]"
_HOWEVER = "[; however, |; in addition, ]"
_ON = "on this {subject}, "
_IN = "in this {subject}, "
_FINDINGS = "findings: "

SEGMENT_FRAMES: tuple[SegmentFrame, ...] = (
    SegmentFrame("after", ", ", ", "),
    SegmentFrame("after", ", ", ", and "),
    SegmentFrame("after", "; ", "; "),
    SegmentFrame("after", ". ", ". "),
    SegmentFrame("after", ", ", ", and ", _BUT),
    SegmentFrame("after", ", ", ", and ", opener=_FINDINGS),
    SegmentFrame("after", "; ", "; ", opener=_ON),
    SegmentFrame("fragment", "; ", "; "),
    SegmentFrame("fragment", ". ", ". "),
    SegmentFrame("fragment", "; ", "; ", opener=_FINDINGS),
    SegmentFrame("fragment", "; ", "; ", opener="{subject}: "),
    SegmentFrame("clause", ", ", ", and "),
    SegmentFrame("clause", ", ", ", and ", _WHILE),
    SegmentFrame("clause", ", ", ", and ", _WHEREAS),
    SegmentFrame("clause", ", ", ", and ", _ALTHOUGH),
    SegmentFrame("clause", ", ", ", and ", _BUT),
    SegmentFrame("clause", ", ", ", and ", _YET),
    SegmentFrame("clause", "; ", "; ", _HOWEVER),
    SegmentFrame("clause", ", ", ", and ", opener=_ON),
    SegmentFrame("clause", ", ", ", and ", _BUT, opener=_IN),
    SegmentFrame("existential", ", ", ", and "),
    SegmentFrame("existential", ", ", ", and ", _BUT),
    SegmentFrame("existential", ", ", ", and ", _WHILE),
    SegmentFrame("existential", ", ", ", and ", _YET, opener=_ON),
    SegmentFrame("sentence", "; ", "; "),
    SegmentFrame("sentence", "; ", "; and "),
    SegmentFrame("sentence", ". ", ". "),
    SegmentFrame("sentence", ". ", ". In addition, "),
    SegmentFrame("sentence", "; ", "; ", opener=_ON),
    SegmentFrame("with", ", ", ", and "),
    SegmentFrame("with", ", ", ", "),
    SegmentFrame("phrase", ", ", ", and ", opener="{subject} "),
    SegmentFrame("phrase", ", ", ", and ", opener="{a_subject} "),
    SegmentFrame("phrase", ", ", ", and ", _BUT, opener="{subject} "),
    SegmentFrame("phrase", ", ", ", ", _BUT, opener="{a_subject} "),
    SegmentFrame("predicate", ", ", ", and ", opener="the {subject} "),
    SegmentFrame("predicate", ", ", ", and ", opener="this {subject} "),
    SegmentFrame("predicate", ", ", ", and ", _BUT, opener="the {subject} "),
    SegmentFrame("predicate", ", ", ", and ", _YET, opener="this {subject} "),
    SegmentFrame("predicate", "; it ", "; it ", opener="the {subject} "),
    SegmentFrame("predicate", ". It ", ". In addition, it ", opener="the {subject} "),
)

_NO = "[no {o}|{a}]"
_WITHOUT = "[without {o}|with {a}]"
_ARE_ABSENT = "[{N} {nbe} absent|{a} {abe} seen]"
_ARE_NOT = "[{Neither} {nl} {w}|{a} {abe} {w}]"
_ABSENT = "[{n} absent|{a} seen]"
_ARE = "{P} {pbe} {v}"
_PRESENCE, _ABSENCE = "presence of {p}", "[absence of {n}|presence of {a}]"
_NEGATIVE = "{subject} [negative for {o}|showing {a}]"
_NO_EVIDENCE = "[no evidence of {o}|{a}]"
_LISTED = "[absent: {n}|seen: {a}]"

GROUP_FRAMES: tuple[GroupFrame, ...] = (
    # what is present comes first
    GroupFrame("{p} {v}, " + _WITHOUT, "{p} {v}", _WITHOUT),
    GroupFrame("{p} {v}, [with no {o}|with {a}]", "{p} {v}", "[with no {o}|with {a}]"),
    GroupFrame("{p} {v}, [no {o}|{a}] {w}", "{p} {v}", "[no {o}|{a}] {w}"),
    GroupFrame("{p} {v}, [no sign of {o}|with {a}]", "{p} {v}", "[no sign of {o}|{a}]"),
    GroupFrame("{p} {v}; " + _ABSENT, "{p} {v}", _ABSENT),
    GroupFrame("{p} {v}. " + _NO, "{p} {v}", _NO),
    GroupFrame("{p}, [but no {o}|with {a}]", "{p}", _NO),
    GroupFrame("{p} [without {o}|with {a}]", "{p}", _WITHOUT),
    GroupFrame("{p} [with no sign of {o}|with {a}]", "{p}", "[no sign of {o}|{a}]"),
    GroupFrame("{p} [with no evidence of {o}|with {a}]", "evidence of {p}", _NO_EVIDENCE),
    GroupFrame("{p} {v} [in the absence of {o}|together with {a}]", "{p} {v}", "[absence of {n}|{a}]"),
    GroupFrame("evidence of {p}, [without evidence of {o}|with {a}]", "evidence of {p}", _NO_EVIDENCE),
    GroupFrame(
        "presence of {p}; [absence of {n}|presence of {a}]",
        "presence of {p}",
        _ABSENCE,
    ),
    GroupFrame("positive for {p}, [negative for {o}|with {a}]", "positive for {p}", _NEGATIVE),
    GroupFrame("there {pf} {P}, [but no {o}|with {a}]", "there {pf} {P}", "there [{nf} no {o}|{af} {a}]"),
    GroupFrame("there {pf} {P}, " + _WITHOUT, "there {pf} {P}", "there [{nf} no {o}|{af} {a}]"),
    GroupFrame(
        "there {pf} {P}, [with no evidence of {o}|with {a}]",
        "there is evidence of {P}",
        "there [is no evidence of {O}|{af} {a}]",
    ),
    GroupFrame(
        "there {pf} {P}; there [{nf} no {o}|{af} {a}]", "there {pf} {P}", "there [{nf} no {o}|{af} {a}]"
    ),
    GroupFrame(_ARE + ", while " + _ARE_ABSENT, _ARE, _ARE_ABSENT),
    GroupFrame(_ARE + ", whereas " + _ARE_NOT, _ARE, _ARE_NOT),
    GroupFrame(_ARE + ", although " + _ARE_ABSENT, _ARE, _ARE_ABSENT),
    GroupFrame(_ARE + ", [but no {o} {nl} {w}|and {a} {abe} {w}]", _ARE, "[no {o} {nl} {w}|{a} {abe} {w}]"),
    GroupFrame(_ARE + ", [but {N} {nbe} not|as {abe} {a}]", _ARE, _ARE_NOT),
    GroupFrame("while " + _ARE + ", " + _ARE_ABSENT, _ARE, _ARE_ABSENT),
    GroupFrame("although " + _ARE + ", " + _ARE_NOT, _ARE, _ARE_NOT),
    GroupFrame("whereas " + _ARE + ", " + _ARE_ABSENT, _ARE, _ARE_ABSENT),
    GroupFrame(
        _ON + _ARE + ", and [no {o} {nl}|{a} {abe}] {w}", _ON + _ARE, _ON + "[no {o} {nl}|{a} {abe}] {w}"
    ),
    GroupFrame(_ARE + "; [{Neither} {nl}|{a} {abe}] {w}", _ARE, "[{Neither} {nl}|{a} {abe}] {w}"),
    GroupFrame("present: {p}. [Absent: {n}|Also seen: {a}]", "present: {p}", _LISTED),
    GroupFrame(
        "{subject} with {p}, [free of {o}|showing {a}]",
        "{subject} with {p}",
        "{subject} [free of {o}|showing {a}]",
    ),
    GroupFrame(
        "{a_subject} showing {p}, [lacking {o}|with {a}]",
        "{a_subject} showing {p}",
        "{a_subject} [lacking {o}|with {a}]",
    ),
    GroupFrame(
        "{subject} demonstrating {p}, [devoid of {o}|with {a}]",
        "{subject} demonstrating {p}",
        "{subject} [devoid of {o}|with {a}]",
    ),
    GroupFrame(
        "the {subject} shows {P}, [but no {o}|with {a}]",
        "the {subject} shows {P}",
        "the {subject} shows [no {o}|{a}]",
    ),
    GroupFrame(
        "the {subject} demonstrates {P}, " + _WITHOUT,
        "the {subject} demonstrates {P}",
        "the {subject} demonstrates [no {o}|{a}]",
    ),
    GroupFrame(
        "the {subject} shows {P} [but is free of {o}|together with {a}]",
        "the {subject} shows {P}",
        "the {subject} [is free of {o}|shows {a}]",
    ),
    # what is absent comes first
    GroupFrame(_NO + ", with {p}", "with {p}", _NO),
    GroupFrame("[no {o}, but|{a}, with] {p} {v}", "{p} {v}", _NO),
    GroupFrame("[no evidence of {o}|{a}]; {p} {v}", "{p} {v}", _NO_EVIDENCE),
    GroupFrame("[no sign of {o}|{a}]; evidence of {p}", "evidence of {p}", "[no sign of {o}|{a}]"),
    GroupFrame("[{Neither} {nl}|{a} {abe}] {w}, with {p} {v}", "{p} {v}", "[{Neither} {nl}|{a} {abe}] {w}"),
    GroupFrame("[{Neither} {nl}|{a} {abe}] {w}, while " + _ARE, _ARE, "[{Neither} {nl}|{a} {abe}] {w}"),
    GroupFrame("{subject} " + _WITHOUT + ", showing {p}", "{subject} showing {p}", "{subject} " + _WITHOUT),
    GroupFrame("[without {o}, but|with {a}, and] with {p}", "with {p}", _WITHOUT),
    GroupFrame(_ABSENT + ", with {p} {v}", "{p} {v}", _ABSENT),
    GroupFrame("[{neither} {w}|{a} {w}], with {p} {v}", "{p} {v}", "[{neither} {w}|{a} {w}]"),
    GroupFrame(
        "[absence of {n}|presence of {a}]; presence of {p}",
        "presence of {p}",
        _ABSENCE,
    ),
    GroupFrame(
        "{subject} [negative for {o}, but|showing {a}, and] positive for {p}",
        "positive for {p}",
        _NEGATIVE,
    ),
    GroupFrame(_ARE_ABSENT + ", while " + _ARE, _ARE, _ARE_ABSENT),
    GroupFrame(_ARE_NOT + "; " + _ARE, _ARE, _ARE_NOT),
    GroupFrame("while " + _ARE_ABSENT + ", " + _ARE, _ARE, _ARE_ABSENT),
    GroupFrame("although " + _ARE_NOT + ", " + _ARE, _ARE, _ARE_NOT),
    GroupFrame(
        "there [{nf} no {o}, but|{af} {a}, and] there {pf} {P}",
        "there {pf} {P}",
        "there [{nf} no {o}|{af} {a}]",
    ),
    GroupFrame(
        "there [is no evidence of {O}|{af} {a}], although " + _ARE,
        _ARE,
        "there [is no evidence of {O}|{af} {a}]",
    ),
    GroupFrame("[in the absence of {o}|together with {a}], " + _ARE, _ARE, _ABSENCE),
    GroupFrame(
        "[free of {o}|with {a}], the {subject} shows {P}",
        "the {subject} shows {P}",
        "the {subject} [is free of {o}|shows {a}]",
    ),
    GroupFrame(
        "the {subject} [is free of {o} but|shows {a} and] shows {P}",
        "the {subject} shows {P}",
        "the {subject} [is free of {o}|shows {a}]",
    ),
    GroupFrame(
        "the {subject} [lacks any {o} but|shows {a} and] demonstrates {P}",
        "the {subject} demonstrates {P}",
        "the {subject} [lacks any {o}|shows {a}]",
    ),
    GroupFrame(
        "the {subject} [is negative for {o} but|shows {a} and] is positive for {p}",
        "the {subject} is positive for {p}",
        "the {subject} [is negative for {o}|shows {a}]",
    ),
    GroupFrame(_LISTED + ". Present: {p}", "present: {p}", _LISTED),
)

FRAMES: tuple[SegmentFrame | GroupFrame, ...] = (*SEGMENT_FRAMES, *GROUP_FRAMES)
