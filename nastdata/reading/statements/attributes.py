"""Places and grades: which mention they belong to, and what facts come of it."""

from __future__ import annotations

from collections.abc import Sequence

from nastdata.ontology import Ontology
from nastdata.reading.kinds import compile_pattern, symbols
from nastdata.reading.lexicon import NEEDS_PLACE, Symbols
from nastdata.reading.register import Register
from nastdata.reading.statements.lists import Mention
from nastdata.reading.statements.scope import Scope
from nastdata.reading.vocabulary import Vocabulary
from nastdata.records import Denial, Existence, Fact

_AHEAD = compile_pattern(
    "[place grade grade_adjective filler persisting unknown sign_of doubt doubt_next seen slash]{0,8}"
    " ((?<! unknown ) comma? [and or]"
    " [article place grade grade_adjective filler persisting unknown]{0,6}){0,2}"
    " [condition one adjective]"
)
_GRADED = compile_pattern("[filler unknown persisting grade grade_adjective]{0,3} [condition one adjective]")
_ALREADY = compile_pattern("[grade grade_adjective filler persisting]{0,3} [condition one]")
"""A name that follows at once."""
_UNNAMED = compile_pattern("( and place )? filler{0,3} [unknown subject]")
_UNNAMED_GRADE = compile_pattern("[filler place grade]{0,3} [unknown subject sign_of]")
_OWN_CLAUSE = compile_pattern(
    "[comma and contrast full_stop semicolon] [and comma contrast]? [article filler of persisting]{0,3}"
    " [place domain subject unknown]{1,3} (preposition article? [place unknown domain]{1,2})?"
    " filler{0,2} [auxiliary shows]"
)
"""A clause about something that is no finding."""
_SUBJECT = compile_pattern("[place grade grade_adjective]? [filler domain unknown]? [auxiliary shows]")
_PLACES, _GRADES = symbols("place place_adverbial"), symbols("grade grade_adjective")
_ATTRIBUTES = frozenset(_PLACES + _GRADES)
_PLACE, _GRADE, _COMMA, _CONTRAST, _UNKNOWN = list(symbols("place grade comma contrast unknown"))
_NAMES = symbols("condition adjective one grade_adjective none again absent_name")
_ENDS = symbols("full_stop semicolon")
_CLAUSE_ENDS = _ENDS + _CONTRAST
_BREAKS = symbols("comma full_stop semicolon colon contrast and")
_SMALL, _PREPOSITIONS = symbols("article filler"), symbols("preposition lies")
_BEFORE_PLACE = symbols("filler persisting article grade place and")
_PREDICATE = symbols("adjective grade_adjective")
_EXISTENCE: dict[int, Existence] = {1: "present", 0: "absent", -1: "uncertain"}
Said = tuple[int, str, bool]
"""Position, canonical name, denied."""


_EITHER_SIDE = frozenset(("either lung", "in either lung", "either side", "on either side"))


def _drop_either(m: Mention, places: list[Said], either: set[int]) -> list[Said]:
    """What is denied "in either lung" is denied of all."""
    return [p for p in places if p[0] not in either] if m.polarity == 0 and either else places


def _is_in_pleura(symbols: Symbols, at: int) -> bool:
    """Tell whether "in the pleural space" follows: a place to the reader, though none of the ontology's."""
    for entry in symbols.entries[at + 1 : at + 8]:
        if entry.kind in _ENDS:
            return False
        if "pleura" in entry.text:
            return True
    return False


def _existence(m: Mention) -> Existence:
    return "present" if m.polarity is None else _EXISTENCE[m.polarity]


class Attributes:
    """What an ontology's places and grades mean, and how they attach."""

    def __init__(self, ontology: Ontology, vocabulary: Vocabulary, register: Register) -> None:
        self.places = ontology.place_by_name
        self._by_region = {(p.side, p.region): p.name for p in reversed(ontology.places)}
        self._inside = {r.name: r.within for r in ontology.regions}
        self._within = {r.name: {*r.within, *r.overlaps} for r in ontology.regions}
        self._grades: dict[str | None, dict[str, str]] = {
            scale: {register.spelling.join(w): g for w, g in words.items()}
            for scale, words in vocabulary.grades.items()
        }
        self._other: dict[str, str] = {}
        for words in self._grades.values():
            for w, g in words.items():
                self._other.setdefault(w, g)
        self._follow = register.modifiers_follow
        self._in_lung = frozenset(
            p.name for p in ontology.places if "lung" in (p.region, *self._inside.get(p.region or "", ()))
        )
        self._allowed = {c.name: frozenset(c.places) for c in ontology.conditions}
        self._scale = {c.name: c.scale for c in ontology.conditions}
        self._facts: dict[tuple[object, ...], Fact] = {}

    def read(
        self, kinds: str, symbols: Symbols, scope: Scope, dropped: list[str], *, earlier: bool = False
    ) -> list[tuple[Mention, list[Fact]]]:
        """Return each stated mention with its facts (one, or one for each place that is listed).

        Args:
            kinds: Kinds as scope reads them.
            symbols: What they stand for.
            scope: The mentions.
            dropped: Takes the places and grades that are said but can't be of their finding.
            earlier: Whether to return what was there earlier too; it counts as present.
        """
        mentions = [
            m
            for m in scope.mentions
            if not m.alternative
            and m.unread is None
            and (m.polarity is not None or (earlier and m.time == "earlier"))
        ]
        if not mentions:
            return []
        if _ATTRIBUTES.isdisjoint(kinds):
            return [
                (m, [self._fact(m.condition, _existence(m))])
                for m in mentions
                if symbols.entries[m.at].roles is not NEEDS_PLACE or _is_in_pleura(symbols, m.at)
            ]
        places: dict[int, list[Said]] = {}
        grades: dict[int, list[Said]] = {}
        bare = {i for i, k in enumerate(kinds) if k in _PLACES and self._is_bare(symbols.entries[i].value)}
        owners = (_Followers if self._follow else _Owners)(kinds, scope, bare)
        names = {m.at for m in scope.mentions}
        either: set[int] = set()
        for i, kind in enumerate(kinds):
            if kind in _PLACES:
                if symbols.entries[i].text in _EITHER_SIDE:
                    either.add(i)
                for at in owners.find_place(i):
                    for name in symbols.entries[i].value:
                        places.setdefault(at, []).append((i, name, i in scope.denied))
            elif kind in _GRADES and i not in names:
                for at in owners.find_grade(i):
                    grades.setdefault(at, []).append((i, symbols.entries[i].text, i in scope.denied))
        return [
            (
                m,
                self._combine(
                    m,
                    _drop_either(m, places.get(m.at, []), either),
                    grades.get(m.at, []),
                    dropped,
                    predicate=kinds[m.at] in _PREDICATE,
                ),
            )
            for m in mentions
            if symbols.entries[m.at].roles is not NEEDS_PLACE
            or self._fits(m.condition, places.get(m.at, ()))
            or any("pleura" in symbols.entries[i].text for i, _, _ in places.get(m.at, ()))
            or _is_in_pleura(symbols, m.at)
        ]

    def _fits(self, condition: str, places: Sequence[Said]) -> bool:
        """Tell whether one of the places has a region, and the condition can be there."""
        allowed = self._allowed[condition]
        return any(name in allowed and self.places[name].region is not None for _, name, _ in places)

    def _is_bare(self, names: tuple[str, ...]) -> bool:
        return len(names) == 1 and self.places[names[0]].region is None

    def _combine(
        self, m: Mention, places: list[Said], grades: list[Said], dropped: list[str], *, predicate: bool
    ) -> list[Fact]:
        existence = _existence(m)
        places = (
            self._restrict(m.condition, self._pair(places), [] if predicate else dropped)
            if places
            else places
        )
        if grades and self._scale[m.condition] is None:
            dropped += [g for _, g, _ in grades]
            grades = []
        grades = [(i, self._grade(m.condition, g), no) for i, g, no in grades]
        facts = []
        if existence != "absent":
            facts += [self._fact(m.condition, existence, p, None, "location") for _, p, no in places if no]
            facts += [self._fact(m.condition, existence, None, g, "severity") for _, g, no in grades if no]
            places, grades = [p for p in places if not p[2]], [g for g in grades if not g[2]]
            if facts and not places and not grades:
                return list(dict.fromkeys(facts))
        if len(places) > 1 and len(grades) == len(places) and len({g for _, g, _ in grades}) > 1:
            pairs = zip(places, grades, strict=True)
            return [*facts, *(self._fact(m.condition, existence, p[1], g[1]) for p, g in pairs)]
        where: list[str | None] = list(self._merge([p for _, p, _ in places])) or [None]
        how: list[str | None] = list(dict.fromkeys(g for _, g, _ in grades)) or [None]
        facts += [self._fact(m.condition, existence, p, g) for p in where for g in how]
        return list(dict.fromkeys(facts))

    def _pair(self, places: list[Said]) -> list[Said]:
        """Join a bare side with the region that follows it at once: "left 6th rib"."""
        out: list[Said] = []
        for said in places:
            if out and said[0] - out[-1][0] <= 3 and out[-1][2] == said[2]:
                first = self.places[out[-1][1]]
                joined = self._join(first.name, said[1]) if first.region is None else None
                if joined and first.side in ("left", "right") and self.places[said[1]].side is None:
                    out[-1] = (said[0], joined, said[2])
                    continue
            out.append(said)
        return out

    def _restrict(self, condition: str, places: list[Said], dropped: list[str]) -> list[Said]:
        """Keep where the condition can be; of other places only the side."""
        allowed = self._allowed[condition]
        out = []
        for i, name, no in places:
            if name not in allowed and not (name in self._in_lung and self._in_lung & allowed):
                dropped.append(name)
                side = self._by_region.get((self.places[name].side, None))
                if side not in allowed or no:
                    continue
                name = side
            out.append((i, name, no))
        return out

    def _grade(self, condition: str, said: str) -> str:
        own = self._grades.get(self._scale[condition], {})
        return own.get(said) or self._other.get(said, said)

    def _merge(self, names: list[str]) -> list[str]:
        """Join a bare side with a region ("left ... at the base"), and left with right."""
        out = list(dict.fromkeys(names))
        for a in list(out):
            for b in list(out):
                joined = self._join(a, b)
                if joined and a in out and b in out and a != b:
                    out = [joined if x == a else x for x in out if x != b]
        return list(dict.fromkeys(out))

    def _join(self, a: str, b: str) -> str | None:
        first, second = self.places[a], self.places[b]
        if {first.side, second.side} == {"left", "right"}:
            return self._by_region.get(("both", first.region)) if first.region == second.region else None
        if first.side == second.side and first.region is None and first.side is not None:
            return b
        if first.side is None or second.side is not None or second.region is None:
            return None
        if first.region in (None, second.region) or first.region in self._within.get(second.region, ()):
            return self._by_region.get((first.side, second.region))
        return None

    def _fact(
        self,
        condition: str,
        existence: Existence,
        location: str | None = None,
        severity: str | None = None,
        denies: Denial | None = None,
    ) -> Fact:
        key = (condition, existence, location, severity, denies)
        fact = self._facts.get(key)
        if fact is None:
            fact = self._facts[key] = Fact(condition, existence, location, severity, denies)
        return fact


class _Owners:
    """Finds the mentions that a place or a grade belongs to."""

    def __init__(self, kinds: str, scope: Scope, bare: set[int]) -> None:
        self.entries = scope.entries
        self.kinds, self.denied, self.bare = kinds, scope.denied, bare
        self.at = [m.at for m in scope.mentions]
        self.turn = [m.turn for m in scope.mentions]
        self.clauses = [m.start() for m in _OWN_CLAUSE.finditer(kinds)]
        """Where clauses begin that have a subject of their own."""

    def find_place(self, i: int) -> list[int]:
        """Return the positions of the mentions that the place at ``i`` is said of."""
        kinds = self.kinds
        if kinds[i] == _PLACE and i not in self.denied and (found := _ALREADY.match(kinds, i + 1)):
            return [found.end() - 1]
        if kinds[i] == _PLACE and i not in self.denied and not self._after_preposition(i):
            ahead = _AHEAD.match(kinds, i + 1)
            if ahead:
                return [ahead.end() - 1]
            if self._is_of_something_else(i):
                return []
            before = self._before(i)
            if before and self._begins_clause(i) and _SUBJECT.match(kinds, i + 1):
                return self._after(i)
            return before or self._after(i)
        if kinds[i] == _PLACE and self._is_of_something_else(i):
            return []
        return self._before(i) or self._after(i)

    def _begins_clause(self, i: int) -> bool:
        j = i - 1
        while j >= 0 and i - j < 4 and self.kinds[j] in _SMALL:
            j -= 1
        return j < 0 or self.kinds[j] in _BREAKS

    def _is_of_something_else(self, i: int) -> bool:
        """Before a word that is no name: a bare side ("the right atrium"), or any place after a comma."""
        if not _UNNAMED.match(self.kinds, i + 1):
            return False
        j = i - 1
        while j >= 0 and i - j < 8 and self.kinds[j] in _BEFORE_PLACE:
            j -= 1
        return i in self.bare or (j >= 0 and self.kinds[j] == _COMMA)

    def find_grade(self, i: int) -> list[int]:
        """Return the positions of the mentions that the grade at ``i`` is said of."""
        if i not in self.denied:
            ahead = _AHEAD.match(self.kinds, i + 1)
            if ahead:
                return [ahead.end() - 1]
            if _UNNAMED_GRADE.match(self.kinds, i + 1):
                return []
        return self._before(i)

    def _after_preposition(self, i: int) -> bool:
        j = i - 1
        while j >= 0 and i - j < 4 and self.kinds[j] in _SMALL:
            j -= 1
        return j >= 0 and self.kinds[j] in _PREPOSITIONS

    def _before(self, i: int) -> list[int]:
        first = max((c for c in self.clauses if c < i), default=-1)
        for j in range(i - 1, max(-1, i - 40), -1):
            k = self.kinds[j]
            if j == first and k not in _ENDS:
                return []
            if k in _ENDS and "pronoun" in self.entries[j + 1].roles:
                continue
            if k in _ENDS or (k == _CONTRAST and j + 4 < i and not (self.denied)):
                return []
            if k in _NAMES and j in self.at:
                return [j]
        return []

    def _after(self, i: int) -> list[int]:
        limit = len(self.kinds)
        for j in range(i + 1, min(limit, i + 40)):
            k = self.kinds[j]
            if k in _CLAUSE_ENDS:
                return []
            if k in _NAMES and j in self.at:
                turn = self.turn[self.at.index(j)]
                return [a for a, t in zip(self.at, self.turn, strict=True) if t == turn and a >= j]
        return []


class _Followers(_Owners):
    """The same in a language whose places are after their noun: "derrame izquierdo"."""

    def find_place(self, i: int) -> list[int]:
        """Return the mentions that the place at ``i`` follows, or else those that it begins a clause about.

        Two names beside one another share their place: "infiltrado nodular derecho".
        """
        before = self._before(i)
        if before and before[-1] - 1 in self.at:
            before.append(before[-1] - 1)
        if before and "mainly" in self.entries[i - 1].roles:
            return [] if any(k in _PLACES for k in self.kinds[before[0] + 1 : i]) else before
        if before or i in self.denied or _UNNAMED.match(self.kinds, i + 1) or self._is_named(i):
            return before
        return self._after(i)

    def find_grade(self, i: int) -> list[int]:
        """Return the mention that the grade at ``i`` is next to."""
        ahead = _GRADED.match(self.kinds, i + 1)
        return [ahead.end() - 1] if ahead and i not in self.denied else self._before(i)

    def _before(self, i: int) -> list[int]:
        found = super()._before(i)
        return [] if found and any(self._is_other(j) for j in range(found[0] + 1, i)) else found

    def _is_named(self, i: int) -> bool:
        """Tell whether something that is no condition is named before the place, in its sentence."""
        for j in range(i - 1, max(-1, i - 8), -1):
            if self.kinds[j] in _CLAUSE_ENDS:
                return False
            if self._is_other(j):
                return True
        return False

    def _is_other(self, j: int) -> bool:
        """Tell whether the symbol at ``j`` is a thing that has places of its own."""
        return self.kinds[j] == _UNKNOWN and bool(self.entries[j].text)
