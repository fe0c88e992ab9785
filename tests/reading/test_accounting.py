"""No name of a finding is lost: it is in a fact, in an unread stretch, or among what is not said of now."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nastdata.ontology import Ontology, load_ontology
from nastdata.reading.parse import Reading, get_parser
from nastdata.reading.register import load_register

KNOWN = load_ontology("chest_xray")
OTHERS = " ".join(KNOWN.others).lower()
NAMES = sorted(
    {n for c in KNOWN.conditions for n in (c.text, *c.synonyms, *c.also_read) if n.lower() not in OTHERS}
)
CUES = sorted({w for cue in load_register().cues for w in cue.words})
PLACES = sorted({p.phrase for p in KNOWN.places} | {p.adjective for p in KNOWN.places if p.adjective})
MARKS = (*",;.:?/)", "\n", "\n- ", " (", ".\nIMPRESSION:", "\nHISTORY:", "xyzzy", "___")


def find_lost(text: str, spans: Sequence[tuple[int, int]], reading: Reading) -> list[str]:
    """Return the names that neither a fact nor what is unread nor what is unsaid touches."""
    covered = [(x.start, x.end) for x in (*reading.facts, *reading.unread, *reading.unsaid)]
    return [text[a:b] for a, b in spans if not any(s < b and a < e for s, e in covered)]


@pytest.mark.parametrize(
    "text",
    [
        "History of pneumonia.",
        "INDICATION: pneumothorax.\nFINDINGS: Normal.",
        "Fractures may be missed.",
        "A skin fold can mimic a pneumothorax.",
        "There was an effusion last year.",
        "If edema persists, CT may help.",
    ],
)
def test_a_name_without_a_fact_has_a_reason(ontology: Ontology, text: str) -> None:
    reading = get_parser(ontology).parse(text)
    assert not reading.facts
    assert all(u.reason for u in (*reading.unread, *reading.unsaid))
    assert len(reading.unread) + len(reading.unsaid) == 1


def test_a_lost_name_is_noticed() -> None:
    reading = get_parser(KNOWN).parse("No edema.")
    assert find_lost("No edema.", [(3, 8)], reading) == []
    assert find_lost("No edema.", [(0, 2)], reading) == ["No"]


@settings(max_examples=400, deadline=None)
@given(
    pieces=st.lists(
        st.one_of(
            st.sampled_from(NAMES).map(lambda n: (n, True)),
            st.sampled_from(CUES).map(lambda c: (c, False)),
            st.sampled_from(PLACES).map(lambda p: (p, False)),
            st.sampled_from(MARKS).map(lambda m: (m, False)),
        ),
        min_size=1,
        max_size=24,
    )
)
def test_every_name_is_accounted_for(pieces: list[tuple[str, bool]]) -> None:
    text, spans = "", []
    for piece, name in pieces:
        if name:
            spans.append((len(text) + 1, len(text) + 1 + len(piece)))
        text += f" {piece}"
    parser = get_parser(KNOWN)
    for report in (False, True):
        assert find_lost(text, spans, parser.parse(text, report=report)) == []
