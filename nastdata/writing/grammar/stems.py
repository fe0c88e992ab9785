"""Question stems: neutral, varied, and about no condition."""

from __future__ import annotations

from nastdata.ontology import Ontology
from nastdata.seeded import choose
from nastdata.writing.grammar.morphology import add_article

STEMS: tuple[str, ...] = (
    "Which statement describes this {subject}?",
    "Which of the following statements describes this {subject}?",
    "Which description fits this {subject}?",
    "Which description matches the {subject}?",
    "Which option describes the findings on this {subject}?",
    "Which option agrees with the {subject}?",
    "What does this {subject} show?",
    "What is seen on this {subject}?",
    "Which of these statements is true of the {subject}?",
    "Which summary is right for this {subject}?",
    "Which summary of the findings is correct for this {subject}?",
    "Choose the statement that describes this {subject}.",
    "Choose the description that fits the {subject}.",
    "Select the statement that agrees with this {subject}.",
    "Select the option that best describes the {subject}.",
    "Which sentence reports this {subject} correctly?",
    "Which report sentence belongs to this {subject}?",
    "Looking at this {subject}, which statement is correct?",
    "Given {a_subject}, which statement describes its findings?",
    "How would you describe this {subject}?",
    "Which combination of findings does this {subject} show?",
    "Which interpretation of this {subject} is correct?",
    "Identify the statement that matches this {subject}.",
    "Which of the four statements is correct for this {subject}?",
)


def write_question(ontology: Ontology, seed: int, key: str) -> str:
    """Return the stem of a question, chosen by a hash of its key.

    Args:
        ontology: names what is looked at.
        seed: the build's seed.
        key: whatever shares a stem (a group of items).
    """
    stem = choose(STEMS, seed, "stem", key)
    subject = ontology.subject
    return stem.format(subject=subject.text, a_subject=add_article(subject))
