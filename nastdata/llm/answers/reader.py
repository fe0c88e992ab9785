r"""Reads the answer to a multiple-choice question: one option, or nothing that can be used. Never a guess.

Only the standard library and ``forms.json`` beside it, so that exports carry both files as they are.

The grammar, in the order in which it is tried:

1. What a model thinks before it answers (``<think>...</think>`` and the like) is left out. A thought that
   does not end, and an answer that is cut by the token limit right after its letter, are unusable.
2. JSON and ``<answer>`` tags: their value is the answer.
3. A refusal anywhere makes the answer unusable.
4. A statement ("ANSWER: B", "The correct option is (B)", ``\boxed{B}``): all statements must name one
   letter; a "final answer" overrules those before it. One that is denied, doubted, or names a second letter
   is unusable.
5. A letter in its usual dresses, alone or first ("B", "(b)", "**B**", "B. text"), or alone on the last line.
   "A" and a word is an article, not a letter. A second letter that is not rejected in so many words
   ("B, not A") is unusable, and so is a doubt in the letter's own sentence.
6. The option's own text, as the whole answer or as a whole sentence, after words such as "The image shows".

A letter that is no option, and a letter beside the text of another option, are unusable.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

LONGEST, LONGEST_THOUGHT = 20_000, 1_000_000
"""Characters of an answer to a multiple-choice question, without and with what was thought before it."""
LETTERS = "ABCDEFG"
"""Letters of options, in order."""
OPEN, CLOSE = r"[\s*_`\"'“”‘’«»<\[({【「$\\]{0,8}?", r"[*_`\"'“”‘’«»>\])}】」$]{0,6}"
WORDLIKE = r"(?![A-Za-z0-9]|['&]\w|[-–/.]\w)"
DRESSED = (
    rf"{OPEN}(?:\\(?:text|mathrm|mathbf|textbf)\{{)?(?<![A-Za-z0-9-])(?P<letter>[A-Za-z]){WORDLIKE}{CLOSE}"
)
BARE = re.compile(
    rf"^(?:[-•>#]+\s*)?(?:(?:option|choice|letter|answer)\s+)?{OPEN}(?P<letter>[A-Za-z]){CLOSE}[.:)，。、,;!]?{CLOSE}$",
    re.I,
)
LEADING = re.compile(
    rf"^(?:[-•>#]+\s*)?(?:(?:option|choice|letter)\s+)?{OPEN}(?P<letter>[A-Za-z])(?![A-Za-z0-9]|['&]\w)"
    rf"(?P<gap>(?:[*_`\"'”’»\])}}】」$]{{0,6}}\s*[.:),;，。：、—–!]+|\s+(?=\()|\s+[-–—]+(?=\s)|[\])}}*`]+|\s*\n){CLOSE})(?P<rest>.*)$",
    re.I | re.S,
)
SPACED = re.compile(r"^(?:(?:option|choice)\s+)?(?P<letter>[A-G])\s+(?P<rest>\S.*)$", re.S)
LONE = re.compile(r"(?<![\w'’.&/-])([A-Z])(?![A-Za-z0-9'’&]|[-–/.]\w)")
SENTENCE = re.compile(r"(?<=[.!?。])\s+|\n+")
ZERO_WIDTH = dict.fromkeys(map(ord, "\u200b\u200c\u200d\ufeff\u2060"))
FORMS = Path(__file__).with_name("forms.json")


@dataclass(frozen=True)
class Reading:
    """What an answer says."""

    letter: str | None
    """The option's letter; None if the answer can't be used."""
    reason: str
    """How it was read ("statement", "letter", "text"), or why it can't be used ("refusal", "hedge", ...)."""


@dataclass(frozen=True)
class Statement:
    """A way to state an answer."""

    pattern: re.Pattern[str]
    final: bool


@dataclass(frozen=True)
class Forms:
    """``forms.json``, compiled."""

    thinking: tuple[tuple[str, str], ...]
    statements: tuple[Statement, ...]
    refusals: re.Pattern[str]
    hedges: re.Pattern[str]
    denials: re.Pattern[str]
    rejected: re.Pattern[str]
    after_letter: re.Pattern[str]
    lead_in: re.Pattern[str]
    closed: frozenset[str]


def read_answer(text: str | None, options: Sequence[str], *, cut: bool = False) -> Reading:
    """Read one answer.

    Args:
        text: what the model said.
        options: the texts of the options as they were shown, A first; at most seven.
        cut: whether the server stopped the answer at its token limit (``finish_reason`` "length").

    Returns:
        The letter, or None and the reason.
    """
    forms = load_forms()
    if len(text or "") > LONGEST_THOUGHT:
        return Reading(None, "too long")
    said = _normalise(text or "")
    if not said:
        return Reading(None, "cut" if cut else "empty")
    after = _leave_out_thoughts(said, forms)
    if after is None:
        return Reading(None, "cut while thinking" if cut else "thought without an answer")
    if not after:
        return Reading(None, "thought without an answer")
    if len(after) > LONGEST:
        return Reading(None, "too long")
    return _read(_unwrap(after), options, forms, cut)


def _read(said: str, options: Sequence[str], forms: Forms, cut: bool) -> Reading:
    parsed = _read_json(said)
    if parsed is not None:
        said = parsed
    if not said.strip():
        return Reading(None, "empty")
    plain = _hide_options(said, options)
    if forms.refusals.search(plain):
        return Reading(None, "refusal")
    readers = (_read_statements, _read_bare, _read_text, _read_leading, _read_last_line)
    for reader in readers:
        found = reader(said, options, forms)
        if found is not None:
            return _check(found, said, options, cut)
    if forms.hedges.search(plain):
        return Reading(None, "hedge")
    return Reading(None, "several letters" if len(set(LONE.findall(plain)) - {"A", "I"}) > 1 else "no answer")


def _check(found: Reading, said: str, options: Sequence[str], cut: bool) -> Reading:
    """Refuse a letter that is no option, and one that the token limit cut off from what follows."""
    if found.letter is None:
        return found
    if found.letter not in LETTERS[: len(options)]:
        return Reading(None, "no such option")
    if cut and found.reason != "text" and re.search(rf"\b{found.letter}\W*$", said, re.I):
        return Reading(None, "cut")
    return found


def _read_statements(said: str, options: Sequence[str], forms: Forms) -> Reading | None:
    letters: list[tuple[int, str, bool]] = []
    spoilt: list[tuple[int, Reading, bool]] = []
    for statement in forms.statements:
        for m in statement.pattern.finditer(said):
            letter, at = m.group("letter"), m.start("letter")
            if not _is_letter_here(letter, said, m.end("letter"), forms):
                continue
            reading = _judge_statement(said, m.start(), at, m.end(), letter.upper(), options, forms)
            if reading is None:
                letters.append((at, letter.upper(), statement.final))
            else:
                spoilt.append((at, reading, statement.final))
    if not letters:
        return spoilt[0][1] if spoilt else None
    # A final answer overrules what was said before it, but no other final answer and nothing after it.
    last = max((at for at, _, final in letters if final), default=-1)
    named = {x for at, x, final in letters if final or at > last}
    for at, reading, final in spoilt:
        if (final or at > last) and reading.reason != "denied":
            return reading
    return Reading(named.pop(), "statement") if len(named) == 1 else Reading(None, "several letters")


def _judge_statement(
    said: str, start: int, at: int, end: int, letter: str, options: Sequence[str], forms: Forms
) -> Reading | None:
    """Return why a statement can't be used, or None if it can."""
    clause = _clause_before(said, start) + said[start:at]
    rest = said[end:]
    sentence_rest = SENTENCE.split(rest.lstrip(" "), maxsplit=1)[0] if not rest.startswith("\n") else ""
    if forms.denials.search(clause):
        return Reading(None, "denied")
    plain = _hide_options(sentence_rest, options)
    if rest.lstrip(" *_`\"')]}.").startswith("?") or forms.hedges.search(clause):
        return Reading(None, "hedge")
    if _names_second(letter, plain, forms):
        return Reading(None, "several letters")
    if re.match(r"[\s,;(]*(?:but|though|although|however)?\W*", plain) and _doubts(plain, forms):
        return Reading(None, "hedge")
    return _find_contradiction(letter, rest, options)


def _read_bare(said: str, options: Sequence[str], forms: Forms) -> Reading | None:
    """The whole answer is a letter in its dress; or only letters, line by line, all the same."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    found = [BARE.match(line) for line in lines]
    if not all(found):
        return None
    letters = {m.group("letter").upper() for m in found if m}
    return Reading(letters.pop(), "letter") if len(letters) == 1 else Reading(None, "several letters")


def _read_leading(said: str, options: Sequence[str], forms: Forms) -> Reading | None:
    """A letter in its dress, set off from what follows; or followed by just its own option's text."""
    m = LEADING.match(said)
    if m is None:
        spaced = SPACED.match(said)
        if spaced is None:
            return None
        letter, rest = spaced.group("letter"), spaced.group("rest")
        own = _own_text(letter, options)
        if own is not None and any(_fold(s) == _fold(own) for s in (rest, SENTENCE.split(rest)[0])):
            return Reading(letter, "letter")
        return _read_second_only(letter, rest, forms)
    letter, rest = m.group("letter").upper(), m.group("rest")
    plain = _hide_options(rest, options)
    own_sentence = SENTENCE.split(plain.strip(), maxsplit=1)[0]
    if _names_second(letter, plain, forms):
        return Reading(None, "several letters")
    new_sentence = bool(re.search(r"[.。\n]", m.group("gap"))) and not _doubts_answer(own_sentence, forms)
    if not new_sentence and forms.hedges.search(own_sentence):
        return Reading(None, "hedge")
    return _find_contradiction(letter, rest, options) or Reading(letter, "letter")


def _read_second_only(letter: str, rest: str, forms: Forms) -> Reading | None:
    """Read a letter without a separator: "B or C", "B because ..."."""
    if letter != "A" or re.match(r"(?:or|and|&|/|\+|vs\.?)\s", rest):
        if re.match(rf"(?:or|and|&|/|\+|vs\.?)\s*(?:also\s+|possibly\s+|option\s+)?{DRESSED}", rest):
            return Reading(None, "several letters")
        if re.match(r"(?:or|and|&|/)\b", rest):
            return Reading(None, "several letters")
        if re.match(rf"(?:{forms.after_letter.pattern})\b", rest, re.I) and letter != "A":
            if forms.hedges.search(f"{letter} {rest}"):
                return Reading(None, "hedge")
            second = _names_second(letter, rest, forms)
            return Reading(None, "several letters") if second else Reading(letter, "letter")
    return None


def _read_last_line(said: str, options: Sequence[str], forms: Forms) -> Reading | None:
    """Prose, and then a letter alone on the last line, or in brackets at the very end."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    m = BARE.match(lines[-1]) if len(lines) > 1 else None
    if m is not None:
        bare = {found.group("letter").upper() for line in lines if (found := BARE.match(line))}
        before = "\n".join(lines[:-1])
        if len(bare) > 1:
            return Reading(None, "several letters")
        if _doubts_answer(SENTENCE.split(before)[-1], forms):
            return Reading(None, "hedge")
        return _find_contradiction(bare.copy().pop(), before, options) or Reading(bare.pop(), "letter")
    parts = [p for p in SENTENCE.split(said) if p.strip()]
    alone = BARE.match(parts[-1].strip()) if len(parts) > 1 else None
    if alone is not None:
        letter, before = alone.group("letter").upper(), said[: said.rindex(parts[-1])]
        plain = _hide_options(before, options)
        if _names_second(letter, plain, forms):
            return Reading(None, "several letters")
        if forms.hedges.search(parts[-2]) and _doubts_answer(parts[-2], forms):
            return Reading(None, "hedge")
        return _find_contradiction(letter, before, options) or Reading(letter, "letter")
    end = re.search(r"[\[(]\s*(?:option\s+)?([A-Ga-g])\s*[\])][.\s]*$", said)
    if end is None:
        return None
    letter, before = end.group(1).upper(), said[: end.start()]
    plain = _hide_options(before, options)
    if _names_second(letter, plain, forms) or re.search(r"[\[(]\s*[A-Ga-g]\s*[\])]", plain):
        return Reading(None, "several letters")
    last = SENTENCE.split(plain.strip())[-1]
    if forms.hedges.search(last) or forms.denials.search(plain):
        return Reading(None, "hedge")
    return _find_contradiction(letter, before, options) or Reading(letter, "letter")


def _read_text(said: str, options: Sequence[str], forms: Forms) -> Reading | None:
    """One option's text as the whole answer, or as a whole sentence of it."""
    folded = [_fold(o) for o in options]
    named: set[int] = set()
    doubted = False
    whole = _match_text(said, folded, forms)
    if whole is not None:
        named = whole
    else:
        for part in (p for p in SENTENCE.split(said) if p.strip()):
            found = _match_text(part, folded, forms)
            if found:
                named |= found
            elif _doubts_answer(part, forms):
                doubted = True
    if not named:
        return _read_closed(said, folded, forms)
    if len(named) > 1:
        return Reading(None, "several options")
    letter = LETTERS[named.copy().pop()]
    if doubted:
        return Reading(None, "hedge")
    if _names_second(letter, _hide_options(said, options), forms):
        return Reading(None, "several letters")
    lead = LEADING.match(said)
    if lead is not None and lead.group("letter").upper() != letter:
        return Reading(None, "letter and text differ")
    return Reading(letter, "text")


def _match_text(part: str, folded: Sequence[str], forms: Forms) -> set[int] | None:
    """Numbers of the options that a piece of text is, lead-in or letter aside; None for none."""
    for candidate in _strip_lead_ins(part, forms):
        text = _fold(candidate)
        found = {i for i, option in enumerate(folded) if text == option}
        if text and found:
            return found
    return None


def _strip_lead_ins(part: str, forms: Forms) -> Iterator[str]:
    """Yield a text, then without its lead-ins, one after another, then without a letter before it."""
    part = part.strip()
    yield part
    for _ in range(3):
        m = forms.lead_in.match(part)
        if m is None or not m.group(0).strip():
            break
        part = part[m.end() :].strip(" ,:：-*\"'“”")
        yield part
    m = LEADING.match(part)
    if m is not None:
        yield m.group("rest")


def _read_closed(said: str, folded: Sequence[str], forms: Forms) -> Reading | None:
    """Read a word of a closed class, set off from the rest: "Yes, ..." where the options are Yes and No."""
    if not set(folded) <= forms.closed:
        return None
    for candidate in _strip_lead_ins(said, forms):
        m = re.match(r"^\W*(\w+)\b(?=\W*$|[*_\"'`)]*\s*[.,:;!\n—–-])(.*)$", candidate, re.S)
        if m is None or m.group(1).casefold() not in folded:
            continue
        word = m.group(1).casefold()
        others = [o for o in folded if o != word]
        rest = m.group(2)
        first = SENTENCE.split(rest.lstrip(" ,.:;!—–-*"), maxsplit=1)[0]
        leading = any(
            re.match(rf"^\W*(?:and|or|/)?\s*{re.escape(o)}\s*(?:[.,:;!]|$)", rest, re.I) for o in others
        )
        if leading or _doubts_answer(first, forms):
            return Reading(None, "hedge")
        return Reading(LETTERS[folded.index(word)], "text")
    return None


def _find_contradiction(letter: str, rest: str, options: Sequence[str]) -> Reading | None:
    """The letter of one option, followed by just the text of another."""
    first = SENTENCE.split(rest.strip(" .,:;)-–—*_\"'`("), maxsplit=1)[0]
    text = _fold(first)
    others = {i for i, option in enumerate(options) if text and _fold(option) == text}
    at = LETTERS.find(letter)
    if others and at not in others:
        return Reading(None, "letter and text differ")
    return None


def _names_second(letter: str, plain: str, forms: Forms) -> bool:
    """Whether another letter is named and not rejected in so many words."""
    left = forms.rejected.sub(" ", plain)
    others = set(LONE.findall(left)) - {letter, "I"}
    if "A" in others and not _names_a(left):
        others.discard("A")
    others = {
        x
        for x in others
        if not re.search(rf"(?:hepatitis|vitamin|type|kerley|grade|stage|class)\s+{x}\b", left, re.I)
    }
    small = re.search(r"\b(?:or|and|/)\s+(?:option\s+|choice\s+)?\(?([b-g])\)?(?=\W|$)", left)
    slash = re.match(r"\s*[/&,+]\s*(?:or\s+|and\s+)?\(?([A-Ga-g])\b(?!\s+[a-z])", left)
    second = (small and small.group(1).upper() != letter) or (slash and slash.group(1).upper() != letter)
    return bool(second) or bool(others & set(LETTERS))


def _names_a(text: str) -> bool:
    """Whether a capital A is a letter here and not the article that begins a sentence."""
    return bool(
        re.search(r"(?<![\w'’.-])A(?=\s*(?:[.,:;)\]*?!/]|$|(?:or|and|is|was|has|seems|shows|says)\b))", text)
        or re.search(r"\b(?:option|choice|or|and|answer|letter)\s+\(?A\b", text, re.I)
    )


def _is_letter_here(letter: str, said: str, end: int, forms: Forms) -> bool:
    """Whether a letter in a statement is one: "the answer is a pleural effusion" holds an article."""
    after = re.match(r"[ \t]+(\w+)", said[end:])
    if letter not in "Aa" or after is None:
        return True
    return re.match(rf"(?:{forms.after_letter.pattern})$", after.group(1), re.I) is not None


def _doubts(plain: str, forms: Forms) -> bool:
    return forms.hedges.search(plain) is not None and _doubts_answer(plain, forms)


def _doubts_answer(sentence: str, forms: Forms) -> bool:
    """Whether a sentence doubts the answer, rather than a finding ("there may be mild edema")."""
    m = forms.hedges.search(sentence)
    if m is None:
        return False
    if re.search(
        r"\b(?:I|I'm|we|it|answer|option|choice|this|that|guess\w*|sure|certain|confident)\b", sentence
    ):
        return not re.match(r"\W*(?:there|mild|small|some)\b", sentence, re.I)
    return len(re.findall(r"\w+", sentence)) <= 4


def _clause_before(said: str, at: int) -> str:
    """Return what stands between the last end of a clause and a place."""
    return re.split(
        r"[.!?;:\n。]\s*|,\s*(?:so|but|and|therefore|hence|thus)\s|,\s*(?=option\b|choice\b)", said[:at]
    )[-1]


def _own_text(letter: str, options: Sequence[str]) -> str | None:
    at = LETTERS.find(letter)
    return options[at] if 0 <= at < len(options) else None


def _hide_options(said: str, options: Sequence[str]) -> str:
    """Return an answer without the options' own words, which may hold anything."""
    for option in sorted(options, key=len, reverse=True):
        core = option.strip().rstrip(".")
        if len(core) > 3:
            said = re.sub(re.escape(core), " … ", said, flags=re.I)
    return said


def _leave_out_thoughts(said: str, forms: Forms) -> str | None:
    """Return what follows the last thought; None if a thought does not end."""
    for start, end in forms.thinking:
        low = said.lower()
        at = low.rfind(end.lower())
        if at >= 0:
            said = said[at + len(end) :]
            low = said.lower()
        if start.lower() in low:
            return None
    return re.sub(r"<\|[^|>]{1,40}\|>|</?s>|<eos>|<end_of_turn>", " ", said).strip()


def _unwrap(said: str) -> str:
    """Take the answer out of ``<answer>`` tags and code fences."""
    tags = re.findall(
        r"<(?:answer|final_answer|final)>\s*(.*?)\s*</(?:answer|final_answer|final)>", said, re.S | re.I
    )
    if tags:
        return "\n".join(dict.fromkeys(tags))
    opened = re.search(r"<(?:answer|final_answer)>(.*)$", said, re.S | re.I)
    if opened:
        return opened.group(1).strip()
    fence = re.fullmatch(r"```\w*\s*\n?(.*?)\n?\s*```", said, re.S)
    return fence.group(1).strip() if fence else said


def _read_json(said: str) -> str | None:
    """Return the answer of a JSON object; "" if it holds several or none."""
    if not said.lstrip().startswith(("{", "[", '"')):
        return None
    try:
        value = json.loads(said)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else ""
    if isinstance(value, dict):
        keys = ("final_answer", "answer", "choice", "option", "letter", "response")
        low = {str(k).lower().replace(" ", "_"): v for k, v in value.items()}
        value = next((low[k] for k in keys if k in low), "")
        if isinstance(value, list):
            value = value[0] if len(value) == 1 else ""
    return value if isinstance(value, str) else ""


def _normalise(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).translate(ZERO_WIDTH)
    return text.replace("’", "'").replace("‘", "'").strip()


def _fold(text: str) -> str:
    """Return what two ways to write the same option have in common."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    text = re.sub(r"[^\w%'-]+", " ", text).strip()
    return re.sub(r"^(?:a|an|the)\s+(?=\w)", "", text)


@lru_cache(maxsize=1)
def load_forms() -> Forms:
    """Read ``forms.json``."""
    found = json.loads(FORMS.read_text(encoding="utf-8"))

    def join(name: str, flags: re.RegexFlag = re.I) -> re.Pattern[str]:
        return re.compile("|".join(f"(?:{e['pattern']})" for e in found[name]), flags)

    letter = r"[*_(\"']{0,3}(?-i:[A-G])[*_)\"']{0,3}(?![A-Za-z0-9'])"
    rejected = "|".join(f"(?:{e['pattern'].replace('{L}', letter)})" for e in found["rejected_letters"])
    return Forms(
        thinking=tuple((e["open"], e["close"]) for e in found["thinking"]),
        statements=tuple(
            Statement(re.compile(e["pattern"].replace("{X}", DRESSED), re.I | re.M), bool(e.get("final")))
            for e in found["statements"]
        ),
        refusals=join("refusals"),
        hedges=join("hedges"),
        denials=join("denials"),
        rejected=re.compile(rejected, re.I),
        after_letter=join("after_letter"),
        lead_in=join("lead_ins"),
        closed=frozenset(w for e in found["closed_answers"] for w in e["words"]),
    )
