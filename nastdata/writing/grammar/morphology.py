"""The little morphology that the grammar needs: lists, articles, agreement, plurals, capitals."""

from __future__ import annotations

from collections.abc import Sequence

from nastdata.ontology import Condition, Number, Phrase

_IRREGULAR_SOUND = ("uni", "eu", "one", "use")


def join_list(items: Sequence[str], word: str) -> str:
    """Join with ``word`` before the last item: "a", "a or b", "a, b or c"."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {word} {items[-1]}"


def choose_article(following: str) -> str:
    """Return "a" or "an" for the word that follows."""
    word = following.lower()
    return "an" if word[:1] in ("a", "e", "i", "o", "u") and not word.startswith(_IRREGULAR_SOUND) else "a"


def add_article(phrase: Phrase) -> str:
    """Return a noun phrase with its indefinite article, if it takes one."""
    return f"{phrase.article} {phrase.text}" if phrase.article else phrase.text


def agree(number: Number) -> str:
    """Return the form of "to be" for a subject."""
    return "are" if number == "plural" else "is"


def agree_all(phrases: Sequence[Phrase]) -> str:
    """Return the form of "to be" for a list joined by "and"."""
    return "are" if len(phrases) > 1 else agree(phrases[0].number)


def capitalize(text: str) -> str:
    """Make the first letter a capital and leave the rest alone."""
    return text[:1].upper() + text[1:]


def find_plural(condition: Condition) -> str | None:
    """Return the plural of a count noun, if the ontology lists it among the synonyms.

    Nothing is invented: a form that is made by rule is used only where the ontology knows it.
    """
    text = condition.text
    if condition.article is None or condition.number == "plural":
        return None
    made = (
        text[:-1] + "ces",
        text[:-2] + "ices",
        text[:-1] + "ies",
        text[:-2] + "es",
        text + "es",
        text + "s",
    )
    return next((m for m in made if m in condition.synonyms), None)
