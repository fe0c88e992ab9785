"""The kinds of words that the reader tells apart, by name, and patterns over sequences of them.

A text becomes one kind a word or phrase. For speed a kind is one character there; the characters are dealt
out here, from the names, and nowhere else. Patterns over kinds are written with the names::

    compile_pattern("[filler article]{0,4} (condition | alternative)")

where ``[a b]`` is one of several kinds, ``[^ a b]`` any other, ``any`` one kind whatever it is, ``start`` the
beginning of a sentence and ``end`` the end of the text; ``( | )``, ``?`` and ``{0,4}`` are those of regular
expressions. In brackets, ``small``, ``aux`` and ``modifier`` are short for several kinds. Every repetition
has a bound, so that no text makes a match expensive.
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
    AGAIN = "again"
    """Names the finding before again, at the place that follows; there it is."""
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
    # Finer kinds, which constructs tell apart; scope takes each for its base (``BASES``).
    NEITHER = "neither"
    NONE = "none"
    ABSENT_NAME = "absent_name"
    """Says that a finding is gone without its name: "extubated"."""
    RELATIVE = "relative"
    """"That", "which"."""
    WHAT = "what"
    IMAGE = "image"
    PROPERTY = "property"
    """Says of a finding how it is: "calcified", "new"; to deny it doesn't deny the finding."""
    THEN = "then"
    """"Yesterday", "before": of an earlier image."""
    ANATOMY = "anatomy"
    """A part of the body that is no place of a finding."""
    NEW = "new"
    NEARLY = "nearly"
    HARDLY = "hardly"
    DEFINITE = "definite"
    SUPPOSED = "supposed"
    WOULD = "would"
    """The findings of the clause are supposed, not said."""
    CLAIM = "claim"
    """"The claim that": left unread."""
    CAN = "can"
    THERE_WAS = "there_was"
    ONCE = "once"
    """"Used to be": was, and isn't said to be now."""
    RESOLVED = "resolved"
    """Was there and isn't any more."""
    RESOLVE = "resolve"
    RESOLUTION = "resolution"
    """"Resolution of", "removal of"."""
    RECURRED = "recurred"
    DOUBT_NOUN = "doubt_noun"
    """"Doubt", "question": "no doubt that X" says that X is there."""
    FAILS = "fails"
    MISS = "miss"
    """"Overlook", "denied": "cannot be overlooked" says that it is there."""
    HARD = "hard"
    MIMICS = "mimics"
    LOOKS_LIKE = "looks_like"
    TURNS_OUT = "turns_out"
    MOVED = "moved"
    OUTSIDE = "outside"
    """Not at the place that follows."""
    ELSEWHERE = "elsewhere"
    COMPARED = "compared"
    SPARES = "spares"
    """Denies the place that follows."""
    ONLY = "only"
    JUST = "just"
    ALL = "all"
    BUT = "but"
    THEREBY = "thereby"
    EXCLUDING = "excluding"
    HIDDEN = "hidden"
    """"Occult", "missed": what may be so is not said to be there."""
    ASSESSED = "assessed"
    SUCH_AS = "such_as"
    UNLIKE = "unlike"
    TOO = "too"
    ENOUGH = "enough"
    CALLED = "called"
    PAST = "past"
    MODAL = "modal"
    CAN_BE = "can_be"
    NOW = "now"
    NUMBER = "number"
    DIAGNOSIS = "diagnosis"
    """Another thing that an image may show: "scarring", "artifact"."""
    ILLNESS = "illness"
    """The same of a disease: "scarring", "aspiration"."""
    ACCOMPANIED = "accompanied"
    CAUSES = "causes"
    FOLLOWS = "follows"
    """"Evaluation of": what follows may be there."""
    FINDING_OUT = "finding_out"
    """"Convinced", "certain": doubt when it is denied."""
    ADVICE = "advice"
    OTHER_BODY = "other_body"
    """Another part of the body, another examination: the sentence isn't about this image."""
    GRADE_ADVERB = "grade_adverb"
    ASPECT = "aspect"
    """"Size of", "stability of": what is said is said of that, and the finding is there."""
    ASIDE = "aside"
    """Begins what is said aside of another finding; ``RESUME`` ends it."""
    RESUME = "resume"
    INSET = "inset"
    """Begins what is said of something else in between: "X, which lies beside Y, is ..."."""
    OTHER = "other"
    """"Other", "another"."""
    TOGETHER = "together"
    """"Along with"."""
    PART = "part"
    """Of a device: "tip"."""
    PRESENCE = "presence"
    """"The presence of"."""
    IF_ANY = "if_any"
    """"If present"."""
    ALONE = "alone"
    """After a place: there and nowhere else."""
    NONE_OF = "none_of"
    """"None of": of some that there are."""
    SOME_OF = "some_of"
    """"One of the": what is said is said of a part of them."""
    GENERIC = "generic"
    """"Often": says what such a finding does, not what is on this image."""
    DIGITS = "digits"
    """A number in digits."""
    DATE = "date"
    CLEARANCE = "clearance"
    """"Resolution" as what is shown."""
    EFFECT = "effect"
    """What a finding does: "shift"; to deny it doesn't deny the finding."""
    UNPROVED = "unproved"
    """"Cannot be confirmed": doubt."""
    OUT = "out"
    """After a device: it isn't there any more."""
    UNTRUE = "untrue"
    """"In error": the finding that it is said of isn't there."""
    SAYING = "saying"
    """"To say that": with "would be wrong", a denial."""
    WRONG = "wrong"
    """"Would be wrong"."""
    APART = "apart"
    """"Distinguished from": what can't be told from another thing is doubtful, as the other is."""
    WHERE_IT = "where_it"
    """"Where it should be": begins a clause about how a finding is."""
    # What constructs become.
    NOT_SO = "not_so"
    """A predicate that isn't known, denied: a finding that is there stays, and else the clause is unread."""
    EARLIER = "earlier"
    """"On the prior study": what was there then is not said to be there now."""
    UNSAYS = "unsays"
    """The names before it are neither there nor not."""
    UNCLEAR = "unclear"
    """The clause's findings are left unread."""
    UNREAD_NAME = "unread_name"
    """A name that is left unread."""
    # What captions are made of (``captions``).
    NOUN = "noun"
    """A finding with its article, grades and places."""
    WHERE = "where"
    """A place, with its preposition."""
    SETTING = "setting"
    """"On this radiograph"."""
    SOURCE = "source"
    """What shows something: "the radiograph", "the lungs", "the patient"."""
    VERB = "verb"
    """A form of "to be", or "can be"."""
    # Marks.
    FULL_STOP = "full_stop"
    SEMICOLON = "semicolon"
    COLON = "colon"
    COMMA = "comma"
    SLASH = "slash"
    OPEN_BRACKET = "open_bracket"
    CLOSE_BRACKET = "close_bracket"
    QUESTION_MARK = "question_mark"


BASES: dict[Kind, Kind] = {
    Kind.NEITHER: Kind.DENIAL,
    Kind.RELATIVE: Kind.ARTICLE,
    Kind.WHAT: Kind.ARTICLE,
    Kind.IMAGE: Kind.DOMAIN,
    Kind.PROPERTY: Kind.FILLER,
    Kind.THEN: Kind.FILLER,
    Kind.ANATOMY: Kind.UNKNOWN,
    Kind.NEW: Kind.PERSISTING,
    Kind.NEARLY: Kind.FILLER,
    Kind.HARDLY: Kind.FILLER,
    Kind.DEFINITE: Kind.FILLER,
    Kind.SUPPOSED: Kind.DOUBT,
    Kind.CLAIM: Kind.UNCLEAR,
    Kind.CAN: Kind.AUXILIARY,
    Kind.THERE_WAS: Kind.THERE_IS,
    Kind.ONCE: Kind.AUXILIARY,
    Kind.RESOLVED: Kind.ABSENT,
    Kind.RESOLVE: Kind.FILLER,
    Kind.RESOLUTION: Kind.DENIAL,
    Kind.RECURRED: Kind.SEEN,
    Kind.DOUBT_NOUN: Kind.FILLER,
    Kind.FAILS: Kind.NOT,
    Kind.MISS: Kind.FILLER,
    Kind.HARD: Kind.FILLER,
    Kind.MIMICS: Kind.UNCLEAR,
    Kind.LOOKS_LIKE: Kind.DOUBT_NEXT,
    Kind.TURNS_OUT: Kind.AUXILIARY,
    Kind.MOVED: Kind.FILLER,
    Kind.OUTSIDE: Kind.FILLER,
    Kind.ELSEWHERE: Kind.CONTRAST,
    Kind.COMPARED: Kind.FILLER,
    Kind.ONLY: Kind.CONTRAST,
    Kind.JUST: Kind.FILLER,
    Kind.UNLIKE: Kind.CONTRAST,
    Kind.TOO: Kind.FILLER,
    Kind.ENOUGH: Kind.FILLER,
    Kind.CALLED: Kind.FILLER,
    Kind.ALL: Kind.ARTICLE,
    Kind.BUT: Kind.CONTRAST,
    Kind.THEREBY: Kind.FILLER,
    Kind.EXCLUDING: Kind.EXCEPT,
    Kind.HIDDEN: Kind.FILLER,
    Kind.ASSESSED: Kind.FILLER,
    Kind.SUCH_AS: Kind.SLASH,
    Kind.PAST: Kind.AUXILIARY,
    Kind.MODAL: Kind.AUXILIARY,
    Kind.CAN_BE: Kind.AUXILIARY,
    Kind.NOW: Kind.FILLER,
    Kind.NUMBER: Kind.FILLER,
    Kind.DIAGNOSIS: Kind.UNKNOWN,
    Kind.ILLNESS: Kind.UNKNOWN,
    Kind.ACCOMPANIED: Kind.DOMAIN,
    Kind.CAUSES: Kind.DOMAIN,
    Kind.FOLLOWS: Kind.ASKS,
    Kind.FINDING_OUT: Kind.FILLER,
    Kind.ADVICE: Kind.FILLER,
    Kind.OTHER_BODY: Kind.UNCLEAR,
    Kind.GRADE_ADVERB: Kind.GRADE,
    Kind.ASPECT: Kind.SIGN_OF,
    Kind.SETTING: Kind.FILLER,
    Kind.DIGITS: Kind.UNKNOWN,
    Kind.DATE: Kind.UNKNOWN,
    Kind.CLEARANCE: Kind.FILLER,
    Kind.EFFECT: Kind.UNKNOWN,
    Kind.UNPROVED: Kind.DOUBT,
    Kind.OUT: Kind.FILLER,
    Kind.UNTRUE: Kind.UNCLEAR,
    Kind.SAYING: Kind.UNCLEAR,
    Kind.WRONG: Kind.UNCLEAR,
    Kind.APART: Kind.FILLER,
    Kind.WHERE_IT: Kind.UNKNOWN,
    Kind.OPEN_BRACKET: Kind.COMMA,
    Kind.CLOSE_BRACKET: Kind.COMMA,
    Kind.GENERIC: Kind.FILLER,
    Kind.TOGETHER: Kind.WITH,
    Kind.PART: Kind.UNKNOWN,
    Kind.PRESENCE: Kind.SIGN_OF,
    Kind.IF_ANY: Kind.DOUBT,
    Kind.ALONE: Kind.FILLER,
    Kind.NONE_OF: Kind.DENIAL,
    Kind.OTHER: Kind.ARTICLE,
    Kind.SOME_OF: Kind.ARTICLE,
}
"""Finer kind -> the kind that scope takes it for, where no construct says otherwise."""
_ALPHABET = ascii_letters + digits + "".join(map(chr, range(0xC0, 0x180)))
SYMBOL: dict[str, str] = {k.value: _ALPHABET[i] for i, k in enumerate(Kind)}
"""Kind's name -> its one character."""
NAME: dict[str, str] = {s: n for n, s in SYMBOL.items()}
"""Character -> the kind's name."""


_TO_BASE = str.maketrans({SYMBOL[fine]: SYMBOL[base] for fine, base in BASES.items()})


def coarsen(kinds: str) -> str:
    """Replace every finer kind by its base."""
    return kinds.translate(_TO_BASE)


_CLASSES = {
    "small": "filler setting article other some_of all relative now number nearly thereby property new just"
    " definite hardly generic",
    "aux": "auxiliary past modal can_be can once",
    "modifier": "filler setting article other some_of all number now property new grade grade_adjective"
    " grade_adverb place persisting unknown date part diagnosis illness anatomy sign_of presence of adjective"
    " domain image nearly just thereby",
}
"""Names that patterns may use for several kinds at once, within brackets."""
_ALSO = {
    "unknown": "digits date effect where_it part",
    "comma": "open_bracket close_bracket",
    "sign_of": "presence",
    "doubt": "if_any",
    "denial": "none_of",
}
"""Finer kinds that a pattern's base stands for too."""


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
    inside = False
    for piece in _TOKEN.findall(readable):
        if piece[0] in "[]":
            inside = piece[0] == "["
        if piece == "any":
            out.append(".")
        elif piece == "end":
            out.append(r"\Z")
        elif piece == "start":
            out.append(f"(?:^|(?<={SYMBOL['full_stop']}))")
        elif piece in _CLASSES:
            any_of = symbols(_CLASSES[piece])
            out.append(any_of if inside else f"[{any_of}]")
        elif piece in _ALSO:
            any_of = SYMBOL[piece] + symbols(_ALSO[piece])
            out.append(any_of if inside else f"[{any_of}]")
        elif piece[0].isalpha():
            out.append(SYMBOL[piece])
        else:
            out.append("(?:" if piece == "(" else piece)
    return re.compile("".join(out), re.DOTALL)
