"""General English of statements: cues of negation, doubt and presence, joints, and plain report words.

Nothing here belongs to one organ; names, places and grades come from the ontology. Every phrase has a
*kind*, one character, so that a sentence becomes a string of kinds over which scope is read. Hyphens count
as blanks, "/" may stand inside a word ("w/o").
"""

from __future__ import annotations

CONDITION, ALTERNATIVE, PLACE, GRADE, SUBJECT, ADJECTIVE = "C", "A", "L", "G", "S", "J"
"""Kinds of the ontology's own words; ``g`` is a grade that is also a predicate adjective ("large")."""
PLACE_ADVERBIAL = "l"
"""A place with its own preposition: "in the right lung", "bilaterally"."""
UNKNOWN = "?"

# Kind -> phrases, separated by "|"; of equal phrases under two kinds the first counts.
_CUES: dict[str, str] = {
    # Opens a negated scope to its right.
    "N": """
        no | without | without any | free of | free from | devoid of | clear of | clear from |
        negative for | absence of | lack of | lacks | lack | denies | deny | neither | neither of |
        minus | sans | w/o | none of | nothing to suggest | nothing to indicate | nothing to support |
        fails to show | fails to demonstrate | fails to reveal | failed to show | failed to demonstrate
        | failed to reveal | fail to show | fail to demonstrate | fail to reveal | unable to identify |
        unable to detect | resolution of | complete resolution of | removal of | clearing of |
        disappearance of | exclusion of | rather than | instead of | nonvisualization of |
        non visualization of | hardly any | no longer any | no longer has | no longer have |
        no longer shows | no longer show | no longer demonstrates | interval resolution of |
        interval removal of | interval clearing of | excludes | rules out | argues against |
        argue against | against | unremarkable for | never any | zero | aren't any | isn't any | not any
        | not a single | void of | not a trace of | not a sign of | nowhere | not one | in neither
    """,
    # Negates what follows or what stands before, see scope.py.
    "n": """
        not | n't | isn't | aren't | wasn't | weren't | doesn't | don't | didn't | hasn't | haven't |
        cannot | can't | couldn't | can not | could not | never | no longer | not any longer |
        not any more | isnt | arent | doesnt | dont | cant | wouldn't | won't
    """,
    # Says that what it is said of isn't there.
    "X": """
        absent | negative | none | resolved | completely resolved | cleared | removed | disappeared |
        nonexistent | gone | nil | non existent | none seen | none identified | none present |
        none noted | invisible | unseen | undetectable | undetected | denied | resorbed | inapparent |
        nonvisualized | non visualized | out of the question | not the case
    """,
    "k": """
        lacking | missing | wanting
    """,
    "Z": """
        excluded | ruled out | discounted | dismissed | eliminated
    """,
    "z": """
        exclude | rule out | discount | dismiss | eliminate
    """,
    # Says that it is there.
    "P": """
        present | noted | evident | seen | visible | visualized | identified | observed | demonstrated |
        shown | found | detected | apparent | appreciated | depicted | displayed | recognized | revealed
        | documented | confirmed | detectable | in place | discernible | discerned | perceived |
        perceptible | visualizable | identifiable | positive | manifest | exists | exist | persists |
        persist | redemonstrated | reported | described | conspicuous | in evidence | on view | in situ
        | established | recorded | encountered | made out | appreciable | picked up | featured |
        discovered | diagnosed | to be seen | seen again | again seen | again noted | on display |
        obvious | existing | exhibited | existent | recognizable | indicated | yes | found to be present
        | confirmed to be present | imaged | viewed | spotted | noticed | captured | substantiated |
        evidenced | delineated | outlined | elicited | pictured | represented | witnessed | registered |
        proven | proved
    """,
    "T": """
        show | shows | showing | showed | demonstrate | demonstrates | demonstrating | reveal | reveals
        | revealing | depict | depicts | depicting | exhibit | exhibits | exhibiting | display |
        displays | displaying | contain | contains | containing | have | has | having | see | identify |
        find | detect | appreciate | visualize | visualizing | feature | features | featuring | document
        | documents | confirm | confirms | confirming | harbor | harbors | carry | carries | bear |
        bears | bearing | disclose | discloses | illustrate | illustrates | illustrating | make out |
        present with | presents with | contained | represent | represents | reflect | reflects |
        indicate | indicates | indicating | meet criteria for | observe | discern | note | recognize |
        possess | possesses | include | includes | including | constitute | constitutes | develop |
        develops | carrying | harboring | disclosing | report | reports | evidencing | representing |
        reflecting
    """,
    "W": """
        with | w/ | along with | together with | accompanied by | in addition to | coexisting with |
        alongside | plus | beside | in combination with | in the presence of | besides
    """,
    "H": """
        there is | there are | there was | there were | there's | there remains | there remain |
        there has been | there have been | there appears to be | there appear to be | there exists |
        there exist | we see | one sees | this is | these are | it is | i see | here is | here are |
        now there is
    """,
    # Neutral heads: what follows shares the scope, but a new item begins.
    "e": """
        evidence of | evidence for | sign of | signs of | presence of | positive for | finding of |
        findings of | indication of | indications of | suggestion of | appearance of | appearances of |
        features of | radiographic evidence of | evidence | sign | signs | presence | suggestion |
        trace of | traces of | hint of | element of | area of | areas of | region of | regions of |
        foci of | focus of | component of | development of | formation of | findings | stigmata of |
        manifestation of | manifestations of | degree of | amount of | pattern of | patches of |
        patch of | collection of | collections of | the presence of
    """,
    # Doubt.
    "U": """
        possible | possibly | probable | probably | likely | most likely | suspected | suspect |
        questionable | unlikely | not likely | less likely | doubtful | questioned | uncertain | unclear
        | presumed | presumably | presumptive | perhaps | potential | potentially | conceivably |
        conceivable | equivocal | indeterminate | apparently | borderline | favored | favor |
        in question | not definitely excluded | to be considered | considered | may exist | might exist
        | not entirely excluded | question | may be present | might be present | could be present |
        may also be present | not certain | tentative | tentatively | plausible | hypothetical |
        hypothesized | improbable | r/o | seems likely | seems possible | a possibility |
        a consideration | a concern | a differential consideration | of concern | not entirely certain
        | difficult to exclude | hard to exclude | difficult to rule out | hard to rule out
    """,
    # Doubt about what follows only ("xxxx" is a redaction, which in reports hides such words).
    "u": """
        suspicious for | suspicion of | suspicion for | question of | may represent | might represent |
        could represent | can represent | may reflect | might reflect | could reflect | can reflect |
        may be | might be | could be | may indicate | might indicate | could indicate | may suggest |
        could suggest | may well be | may well represent | may have | might have | could have | may show
        | may also represent | may be due to | may be secondary to | could be due to | may be related to
        | concern for | concerning for | concern of | worrisome for | worry for | suggests | suggest |
        suggesting | suggestive of | suggestive for | equivocal for | indeterminate for | favored to be
        | favored to represent | favors | favoring | differential includes |
        differential diagnosis includes | differential considerations include |
        differential consideration | considerations include | consider | raises the possibility of |
        raise the possibility of | possibility of | raising concern for | raises concern for |
        thought to represent | thought to be | felt to represent | felt to be | believed to represent |
        believed to be | whether | as may | query | suspiciously | may also be | suspicious of |
        to consider | cannot be certain of | could also represent | may alternatively represent |
        might also represent | may in part represent | may partly represent | hint at | hints at |
        would suggest | can be | presumed to be | presumed to represent | suspicion | xxxx represents |
        xxxx represent | xxxx representing | xxxx reflects | xxxx reflect | xxxx reflecting |
        xxxx related to | xxxx due to | xxxx secondary to
        | insufficient evidence of | insufficient evidence for | limited evidence of
        | differential diagnosis including | differential including | likelihood of | low likelihood of |
        high likelihood of | probability of | low probability of | high probability of | chance of
    """,
    # The past, questions, conditions: nothing is said about this examination.
    "h": """
        history of | h/o | hx of | past history of | prior history of | previous history of |
        known history of | remote history of | family history of | personal history of |
        past medical history of | hx | past | history significant for | history notable for
    """,
    "y": """
        prior | previous | previously | former | formerly | previously seen | previously noted |
        previously described | previously identified | previously demonstrated | previously visualized |
        previously reported
    """,
    "q": """
        evaluate for | evaluation for | evaluation of | assess for | assessment for | assess |
        to exclude | to rule out | to look for | look for | looking for | to evaluate | to assess |
        to check for | check for | to confirm | evaluating for | screening for | screen for | in case of
        | risk of | risk for | at risk for | to prevent | concern about | follow up for | followup for |
        follow up of | monitor for | query of | search for | searching for | surveillance for |
        to document | to ensure | indication | indications | clinical history | clinical indication |
        clinical information | reason for exam | reason for examination | reason for study |
        reason for this examination | history
    """,
    "i": """
        if | should | in the event of | unless | would be expected with | were there | if any | would
    """,
    # Joints.
    "B": """
        but | while | whereas | yet | although | however | though | even though | nevertheless |
        nonetheless | otherwise | still | whilst | instead | in contrast | by contrast |
        on the other hand | despite | in spite of | then again | conversely | albeit | only | therefore
        | thus | hence | because of | because | since | consequently | accordingly | even if | that said
        | meanwhile | notwithstanding | in fact | at the same time | where | as opposed to
    """,
    "K": """
        except | except for | excepting | apart from | aside from | other than | with the exception of |
        save for | bar | barring | excluding | not counting | all but | nothing but | none but |
        nothing except | nothing other than
    """,
    "&": """
        and | as well as | and also | plus also | & | and then
    """,
    "|": """
        or | and/or | or else | let alone | much less
    """,
    "!": """
        nor | and neither | nor yet
    """,
    "~": """
        versus | vs
    """,
    # "A small one on the right": the condition that was named before.
    "c": """
        one | ones
    """,
    "s": """
        as is | as are | so is | so are | likewise | as was | as were | the same applies to |
        the same goes for | so too is
    """,
    # Change over time: "no change in X" says that X is there.
    "D": """
        change | changes | alteration | increase | decrease | worsening | progression | improvement |
        difference | reduction | regression | evolution | interval change | changed | increased |
        decreased | worsened | progressed | improved | altered | worse | larger | smaller | better |
        differ | enlarging | diminution | resolving | growth | shrinkage | deterioration | migration |
        displacement | malposition | complication | complications | repositioning
    """,
    # What is said to be there by being called so.
    "x": """
        stable | unchanged | persistent | persisting | chronic | old | known | ongoing | residual |
        continued | healed | healing | increasing | decreasing | improving | similar | recurrent |
        redemonstration of | persistence of | remote | developing | again | once again | preexisting |
        pre existing | progressive | longstanding | long standing | remaining | stably |
        partially resolved | partly resolved | incompletely resolved | nearly resolved | not resolved |
        improving but | grossly unchanged | near complete resolution of | nearly complete resolution of
        | partial resolution of | incomplete resolution of | partial clearing of | near resolution of |
        no resolution of | no clearing of
    """,
    "V": """
        is | are | was | were | be | been | being | has been | have been | had been | appear | appears |
        appeared | remain | remains | remained | seem | seems | seemed | does | do | did | had | can |
        could | will | would | would be | to be | became | become | becomes | continues to be | may |
        might | must | shall | must be | do so | looks | look | has now | have now | having been |
        is being
    """,
    "v": """
        involve | involves | involving | affect | affects | affecting | extend | extends | extending |
        reach | reaches | reaching | lie | lies | lying | located | situated | centered | localized |
        sited | occupy | occupies | occupying | occur | occurs | occurring | spare | spares | sparing |
        project | projects | projecting | confined | limited | found within | sit | sits | sitting |
        seated | placed | positioned | arise | arises | arising | on either | restricted | spread |
        spreads | reside | resides | residing | distributed | seen within
    """,
    "p": """
        in | at | on | within | over | overlying | along | throughout | inside | near | above | below |
        behind | adjacent to | across | into | onto | from | around | about | under | underlying |
        projecting over | in the region of | in the area of | to | toward | through | inside of |
        next to | beneath
    """,
    "t": """
        a | an | the | any | this | that | these | those | some | its | their | his | her | either |
        both | each | such | which | other | another | it | they | we | our | all | also
    """,
}

# Words that a statement may hold without saying anything about a condition.
_PLAIN = """
of for by as so too than when here there now i you he she who what how who's whose whom definite
definitely definitively obvious obviously clear clearly convincing convincingly significant
significantly appreciable discrete substantial substantially particular overt frank gross grossly
visible entirely completely totally wholly fully partly well quite rather really truly certain
certainly radiographic radiographically radiological radiologically radiologic imaging evidently
readily currently current today presently simultaneously concurrently concomitant concomitantly
accompanying associated additional additionally furthermore moreover finally together overall
in-general image images film films view views study studies exam examination examinations picture
radiograph radiographs scan scans x-ray xray xrays projection projections frontal lateral portable
patient patients person subject finding findings case result results impression interpretation
observation report reading extent size sized grade degree form nature sort kind type side sided
region regions area areas site sites location locations part parts portion zone place places present
only just even ever further much more most less least very again first second two three in-addition
not-the-only
several multiple few many number suggestive consistent compatible keeping combined coexisting
coexistent exhibiting statement describes description according based given
"""

# Known to the parser, but they say more than a bare fact does.
_CLINICAL = """
acute acutely subacute focal diffuse diffusely patchy scattered streaky new newly interval underlying
superimposed abnormal abnormality abnormalities normal unremarkable process disease typical atypical
confluent worrisome superior inferior anterior posterior medial linear dense faint vague hazy
rounded bony osseous infectious inflammatory displaced nondisplaced large-scale loculated layering
free-flowing simple complex developing obscuring mid apical basal age-indeterminate likelihood
suspicious concerning recommended recommend followup follow-up clinically correlate correlation
comparison compared prior since date dated recent recently earlier previous low high lower higher
upper normal-sized prominent prominence
"""
FREE = "free"
"""Negates the word that it hangs on by a hyphen only: "fracture-free"."""
HEADINGS = frozenset(
    {"findings", "finding", "impression", "impressions", "conclusion", "conclusions", "report"}
)
"""With a colon, they end the section of a report that tells why it was made."""
PRONOUNS = frozenset({"it", "it is", "they", "these", "these are", "this is"})
"""At the head of a sentence they stand for what the sentence before named."""
WEAK = (
    "consistent with|compatible with|associated with|in keeping with|related to|due to|secondary to|caused by"
)
"""Neutral links: what follows shares the polarity of what stands before."""

CUES: dict[str, tuple[str, ...]] = {
    k: tuple(p.strip() for p in v.split("|") if p.strip()) for k, v in _CUES.items()
}
"""Kind -> its phrases."""
PLAIN_WORDS: tuple[str, ...] = tuple(dict.fromkeys(_PLAIN.split()))
CLINICAL_WORDS: tuple[str, ...] = tuple(dict.fromkeys(_CLINICAL.split()))
WEAK_LINKS: tuple[str, ...] = tuple(WEAK.split("|"))
NEGATIVE_KINDS = frozenset("NnXkZ!")
"""Kinds that are negation cues, wherever they stand."""
UNLICENSED_KINDS = frozenset("UuhyqixDzZ~c")
"""Kinds that no caption of a definite fact needs: doubt, history, change."""
