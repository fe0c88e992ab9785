"""What scope looks ahead for: bounded patterns over kinds, matched from the symbol after a cue."""

from __future__ import annotations

from nastdata.reading.kinds import compile_pattern, symbols

# Lookahead from the symbol after a cue. "Premodifiers": what may stand between a cue and the noun it is for.
NAME = compile_pattern(
    "[filler article grade grade_adjective place persisting sign_of seen doubt doubt_next adjective "
    "unknown domain of]{0,7} [condition alternative]"
)
SHOWN_NAME = compile_pattern(
    "[filler article]{0,2} shows [filler article grade grade_adjective place persisting adjective "
    "sign_of unknown domain of]{0,7} [condition alternative]"
)
OWN_CLAUSE = compile_pattern(
    "[comma and] [comma and filler not article]{0,4} [subject place place_adverbial] [^full_stop "
    "semicolon comma and or nor]{0,6}? auxiliary [^full_stop semicolon comma and or nor]{0,4} end"
)
NAME_NEAR = compile_pattern(
    "[filler article grade grade_adjective place persisting adjective doubt unknown]{0,6} [condition"
    " alternative]"
)
NAME_FAR = compile_pattern(
    "[^full_stop semicolon colon comma contrast and or nor not denial absent excluded seen shows "
    "with there_is]{0,7} [condition alternative]"
)
LATER_OR = compile_pattern(
    "[^full_stop semicolon colon contrast denial with shows there_is]{0,48}?"
    " ( [or nor] [filler article grade grade_adjective place persisting sign_of adjective doubt unknown"
    " domain of]{0,7} [condition alternative]"
    " | comma [or versus] (article [filler unknown]{0,3} | [filler unknown persisting place of change]{1,6})"
    " (full_stop | end) )"
)
LATER_AND = compile_pattern("[^full_stop semicolon colon contrast denial with shows there_is]{0,20}? and")
PSEUDO = compile_pattern(
    "[filler persisting sign_of article grade grade_adjective unknown]{0,5} change"
    " [of preposition place_adverbial]"
)
PSEUDO_BARE = compile_pattern(
    "[filler auxiliary persisting sign_of shows grade grade_adjective unknown]{0,5} change"
)
"""The same where no preposition is needed: "sin apreciar cambios significativos"."""
NOT_KNOWN = compile_pattern(
    "[filler auxiliary article]{0,4} [denial absent lacking excluded exclude seen change persisting doubt]"
)
NOT_STRANGE = compile_pattern("[filler auxiliary]{0,2} unknown")
DOUBLE = compile_pattern("[filler article sign_of auxiliary there_is]{0,5} denial")
NOT_NO = compile_pattern("[filler auxiliary article there_is domain]{0,6} denial")
NOT_ABSENT = compile_pattern("[filler auxiliary article]{0,4} [absent lacking]")
NOT_EXCLUDED = compile_pattern("[filler auxiliary article]{0,4} excluded")
NOT_EXCLUDE = compile_pattern("[filler auxiliary]{0,4} exclude")
NOT_CHANGED = compile_pattern("[filler auxiliary article]{0,4} [change persisting adjective]")
NOT_SEEN = compile_pattern("[filler auxiliary article]{0,4} seen")
NOT_SHOW = compile_pattern("[filler auxiliary]{0,4} shows")
NOT_DOUBT = compile_pattern("[filler auxiliary]{0,4} doubt")
NOT_THERE = compile_pattern(
    "[filler auxiliary lies domain preposition]{0,5} ( place_adverbial | [preposition article]{1,2} "
    "[filler article]{0,2} place | place ) ( [and or nor comma]{1,2} ( not? [preposition "
    "article]{0,2} [place place_adverbial]) ) {0,8}"
)
NOT_GRADE = compile_pattern(
    "[filler auxiliary article]{0,4} ( of | preposition )? [filler article]{0,2} [grade "
    "grade_adjective] ( [and or nor comma]{1,2} [filler article]? [grade grade_adjective]) {0,8}"
)
NOT_ADJECTIVE = compile_pattern(
    "[filler auxiliary grade grade_adjective article]{0,5} [adjective grade_adjective]"
)
GOES_ON = compile_pattern(
    "[not filler auxiliary article]{0,3} preposition? [filler article]{0,2} [place_adverbial place "
    "grade grade_adjective] (?! [filler article grade grade_adjective place persisting unknown and "
    "or slash]{0,8} [condition one] | filler{0,2} [auxiliary shows])"
)
SEEN = compile_pattern(
    "[filler auxiliary]{0,2} seen (?! [filler article grade grade_adjective place persisting "
    "unknown]{0,5} condition )"
)
ELSEWHERE = compile_pattern(
    "[filler auxiliary article]{0,4} seen preposition [filler article persisting]{0,2}"
)
ELLIPSIS = compile_pattern(
    "[filler auxiliary article]{0,4} (?= [full_stop semicolon comma colon contrast with "
    "question_mark and or nor]| end )"
)
SAID_NO_MORE = compile_pattern("[full_stop semicolon comma colon contrast question_mark and or nor] | end")
ENDS = compile_pattern(
    "[filler auxiliary]{0,4} ([full_stop semicolon comma colon contrast question_mark] | end )"
)
"""Nothing more is said in the clause."""
ENDS_AT_PLACE = compile_pattern(
    "[filler auxiliary]{0,4} [preposition article]{0,3} [place place_adverbial]{0,2}"
    " ([full_stop semicolon comma colon contrast question_mark] | end )"
)
EXCEPTED = compile_pattern(
    "[preposition article filler of]{0,4} [place place_adverbial]"
    " ([comma and or nor]{1,2} [preposition article filler]{0,3} [place place_adverbial]){0,6}"
)
OWN_VERB = compile_pattern(
    "[place place_adverbial filler preposition article unknown]{0,5} [auxiliary not shows denial seen lies]"
)
CLAUSE_AHEAD = compile_pattern("[modifier auxiliary there_is shows preposition]{0,7} [condition alternative]")
"""A name that what is denied may be said of."""
AT_PLACE = compile_pattern(
    "([preposition article of]{0,2} [place place_adverbial preposition of] | not auxiliary)"
)
KNOWN = compile_pattern(
    "[filler article]{0,2} persisting [filler article grade grade_adjective place persisting]{0,4} condition"
)
IS_THERE = compile_pattern("[auxiliary filler]{1,3} [seen preposition place place_adverbial lies persisting]")
OF_IT = compile_pattern(
    "[filler article]{0,2} sign_of [filler of]{0,2} article (?= [full_stop semicolon comma] | end )"
)
"""A pronoun for what isn't there: "no evidence of it"."""
OTHER_ITEM = compile_pattern(
    "([place place_adverbial preposition]{0,2} [comma and or]{1,2} [article filler persisting place]{0,4}"
    " unknown{1,3} [preposition article place place_adverbial filler]{0,4}){1,4} [auxiliary shows not]"
)
"""One more item of a list, that is no finding: "effusion and congestion have"."""
OTHER_SUBJECT = compile_pattern(
    "[comma and contrast] [article filler]{0,3} [subject domain unknown place]{1,3} [auxiliary shows]"
)
"""A clause about something that is no finding, before the denial."""
SECOND_PLACE = compile_pattern(
    "[preposition article filler of grade grade_adjective]{0,6} [place place_adverbial]"
)
"""Where a finding is named again: "small on the right"."""
HEADED = compile_pattern(
    "[there_is denial not filler article sign_of domain shows with of unknown auxiliary "
    "doubt doubt_next]{0,8}"
)
"""Between a name that is a heading ("Pneumonia:") and the name again."""
WHICH_IS = compile_pattern("comma article auxiliary")
ANY_NAME = compile_pattern("[^full_stop semicolon contrast comma and]{0,24} condition")
AUXILIARY = compile_pattern(
    "filler{0,2} not | [filler not article]{0,3} [auxiliary absent excluded seen change persisting lacking]"
)
ANSWER = compile_pattern(
    "[unknown filler article]{0,1} colon? [denial none absent seen lacking not persisting one]"
    " | [grade grade_adjective place place_adverbial]{1,3} full_stop"
)
BETWEEN = frozenset(symbols("not filler grade grade_adjective persisting"))
"""What may stand between a subject and its adjective without a verb: "mediastinum not widened"."""
