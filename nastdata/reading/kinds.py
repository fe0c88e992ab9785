"""The kinds of words that the reader tells apart, by name, and patterns over sequences of them.

A text becomes one kind a word or phrase. For speed a kind is one character there; the characters are dealt
out here, from the names, and nowhere else. Patterns over kinds are written with the names::

    compile_pattern("[filler article]{0,4} (condition | alternative)")

where ``[a b]`` is one of several kinds, ``[^ a b]`` any other, ``any`` one kind whatever it is and ``end``
the end of the text; ``( | )``, ``?`` and ``{0,4}`` are those of regular expressions. Every repetition has a
bound, so that no text makes a match expensive.
"""

from __future__ import annotations

import re
from enum import StrEnum
from string import ascii_letters, digits


class Kind(StrEnum):
    """What a word or phrase does in a statement."""

    # The ontology's own words.
    CONDITION = "condition"
    """A finding's name: "pleural effusion"."""
    ALTERNATIVE = "alternative"
    """Says without a negation that a finding is absent: "sharp costophrenic angles"."""
    PLACE = "place"
    PLACE_ADVERBIAL = "place_adverbial"
    """A place with its own preposition: "in the right lung", "bilaterally"."""
    GRADE = "grade"
    GRADE_ADJECTIVE = "grade_adjective"
    """A grade that is also a predicate's adjective: "large"."""
    SUBJECT = "subject"
    """Of a predicate: "heart"."""
    ADJECTIVE = "adjective"
    """Of a predicate: "enlarged"."""
    DOMAIN = "domain"
    """Another word of the field that states nothing: "radiograph", "patient"."""
    # Negation.
    DENIAL = "denial"
    """Denies what follows: "no", "without", "free of"."""
    NOT = "not"
    """Denies what follows or what is before it: "not", "cannot"."""
    ABSENT = "absent"
    """Says of what is before (or after) it that it isn't there: "absent", "resolved"."""
    LACKING = "lacking"
    """As ``ABSENT``, with its noun on either side: "lacking"."""
    EXCLUDED = "excluded"
    """"Ruled out": absence, but doubt after "not"."""
    EXCLUDE = "exclude"
    """"Exclude": doubt after "cannot", else an intention."""
    # Presence.
    SEEN = "seen"
    """Says of what is before it that it is there: "seen", "present"."""
    SHOWS = "shows"
    """Says of what follows that it is there: "shows", "has"."""
    WITH = "with"
    THERE_IS = "there_is"
    SIGN_OF = "sign_of"
    """Neutral head of a noun phrase: "evidence of"."""
    # Doubt, history, questions, suppositions.
    DOUBT = "doubt"
    """Doubt about what follows or what is before it: "possible"."""
    DOUBT_NEXT = "doubt_next"
    """Doubt about what follows only: "concerning for"."""
    HISTORY = "history"
    """"History of": nothing is said about this image."""
    PREVIOUS = "previous"
    """"Previous", "prior": nothing is said, unless a cue after it says what became of it."""
    ASKS = "asks"
    """Why the image was made: "evaluate for"."""
    SUPPOSES = "supposes"
    """"If": the sentence states nothing."""
    # Joints.
    CONTRAST = "contrast"
    """Begins a clause of its own: "but", "while"."""
    EXCEPT = "except"
    AND = "and"
    OR = "or"
    NOR = "nor"
    VERSUS = "versus"
    ONE = "one"
    """Stands for the finding named before: "a small one"."""
    SAME = "same"
    """Repeats what was said before: "as is"."""
    # Change, verbs, small words.
    CHANGE = "change"
    """Change over time, said of something that is there: "increase", "improved"."""
    PERSISTING = "persisting"
    """What is called so is there: "stable", "old"."""
    AUXILIARY = "auxiliary"
    LIES = "lies"
    """Says where something is: "involves", "located"."""
    PREPOSITION = "preposition"
    ARTICLE = "article"
    OF = "of"
    FILLER = "filler"
    """A word that may be anywhere and changes nothing."""
    UNKNOWN = "unknown"
    # Marks.
    FULL_STOP = "full_stop"
    SEMICOLON = "semicolon"
    COLON = "colon"
    COMMA = "comma"
    SLASH = "slash"
    QUESTION_MARK = "question_mark"
    HEADING = "heading"
    """Begins a section that states findings."""


_ALPHABET = ascii_letters + digits + "".join(map(chr, range(0xC0, 0xD7)))
SYMBOL: dict[str, str] = {k.value: _ALPHABET[i] for i, k in enumerate(Kind)}
"""Kind's name -> its one character."""
NAME: dict[str, str] = {s: n for n, s in SYMBOL.items()}
"""Character -> the kind's name."""


def symbols(names: str) -> str:
    """Return the characters of kinds, given by name and separated by blanks."""
    return "".join(SYMBOL[n] for n in names.split())


_TOKEN = re.compile(r"\{[\d,]+\}\??|\[\^?|[a-z_]+|\(\?[:!=<]*|\S")


def compile_pattern(readable: str) -> re.Pattern[str]:
    """Compile a pattern over kinds that is written with their names.

    Raises:
        KeyError: if a name is no kind.
    """
    out = []
    for piece in _TOKEN.findall(readable):
        if piece == "any":
            out.append(".")
        elif piece == "end":
            out.append(r"\Z")
        elif piece[0].isalpha():
            out.append(SYMBOL[piece])
        else:
            out.append("(?:" if piece == "(" else piece)
    return re.compile("".join(out), re.DOTALL)
