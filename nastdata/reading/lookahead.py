"""What scope looks ahead for: bounded patterns over kinds, and the words that change a cue's reach.

A pattern is matched from the symbol after a cue. Every repetition is bounded, so that no text can make a
match expensive. The kinds are those of ``cues.py``.
"""

from __future__ import annotations

import re

# Lookahead from the symbol after a cue. "Premodifiers": what may stand between a cue and the noun it is for.
NAME = re.compile(r"[mtGgLxePUuJ?or]{0,7}[CA]")
SHOWN_NAME = re.compile(r"[mt]{0,2}T[mtGgLxJe?or]{0,7}[CA]")
OWN_CLAUSE = re.compile(r"[,&][,&mnt]{0,4}[SLl][^.;,&|!]{0,6}?V[^.;,&|!]{0,4}$")
NAME_NEAR = re.compile(r"[mtGgLxJU?]{0,6}[CA]")
NAME_FAR = re.compile(r"[^.;:,B&|!nNXZPTWH]{0,7}[CA]")
LATER_OR = re.compile(r"[^.;:BNWTH]{0,48}?[|!][mtGgLxeJU?or]{0,7}[CA]")
LATER_AND = re.compile(r"[^.;:BNWTH]{0,20}?&")
PSEUDO = re.compile(r"[mxtGg?]{0,5}D[rp]")
DOUBLE = re.compile(r"[mteV]{0,4}N")
NOT_NO = re.compile(r"[mVt]{0,4}N")
NOT_ABSENT = re.compile(r"[mVt]{0,4}[Xk]")
NOT_EXCLUDED = re.compile(r"[mVt]{0,4}Z")
NOT_EXCLUDE = re.compile(r"[mV]{0,4}z")
NOT_CHANGED = re.compile(r"[mV]{0,4}[DxJ]")
NOT_SEEN = re.compile(r"[mVt]{0,4}P")
NOT_SHOW = re.compile(r"[mV]{0,4}T")
NOT_DOUBT = re.compile(r"[mV]{0,4}U")
NOT_THERE = re.compile(r"[mVvop]{0,5}(?:l|[pt]{1,2}[mt]{0,2}L|L)(?:[&|!,]{1,2}(?:n?[pt]{0,2}[Ll])){0,8}")
NOT_GRADE = re.compile(r"[mVt]{0,4}(?:r|p)?[mt]{0,2}[Gg](?:[&|!,]{1,2}[mt]?[Gg]){0,8}")
NOT_ADJECTIVE = re.compile(r"[mVGgt]{0,5}[Jg]")
GOES_ON = re.compile(r"[nmVt]{0,3}p?[mt]{0,2}[lLGg](?![mtGgLx?&|/]{0,8}[Cc])")
SEEN = re.compile(r"[mV]{0,2}P(?![mtGgLx?]{0,5}C)")
ELSEWHERE = re.compile(r"[mVt]{0,4}Pp[mtx]{0,2}")
ELLIPSIS = re.compile(r"[mVt]{0,4}(?=[.;,:BWQ&|!]|$)")
ANY_NAME = re.compile(r"[^.;]{0,24}C")
AUXILIARY = re.compile(r"[mn]{0,3}[VXZPDxk]")
ANSWER = re.compile(r"[NXPkn]")
BETWEEN = frozenset("nmGgx")
"""What may stand between a subject and its adjective without a verb: "mediastinum not widened"."""

DETERMINERS = frozenset({"no", "neither", "nil", "zero", "hardly any", "not any"})
"""Negations that make one noun phrase with what follows; the others head an adverbial phrase."""
CONTRASTS = frozenset({"neither", "in neither", "rather than", "instead of"})
HAVE = frozenset({"has", "have", "had", "having"})
OTHER_VIEWS = frozenset({"lateral", "frontal", "prior", "previous", "earlier", "comparison", "portable"})
"""What isn't seen there is not thereby absent."""
