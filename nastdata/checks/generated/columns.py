"""Which column is what, in tables of unknown writers: by the usual names, or as the user says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from nastdata.errors import UserError, name_nearest

TEXT = (
    *("text", "caption", "captions", "report", "generatedtext", "generatedcaption", "generatedreport"),
    *("generated", "generation", "prediction", "predicted", "pred", "predtext", "predreport", "predcaption"),
    *("modeloutput", "output", "outputs", "response", "modelresponse", "answer", "completion", "hypothesis"),
    *("hyp", "candidate", "cand", "sentence", "statement", "description", "reporttext", "radiologyreport"),
    *("predictedreport", "predictedcaption", "impression", "findings", "content", "sectionfindings"),
    *("sectionimpression", "result"),
)
"""Names of the column of captions or reports, squashed (``squash``)."""
OF_THE_MODEL = frozenset(
    n for n in TEXT if re.search("gen|pred|output|response|hyp|cand|completion|answer", n)
)
"""Names that say that a model wrote it: taken before the others ("report" may be the radiologist's)."""
KEYS: dict[str, tuple[str, ...]] = {
    "caption": ("captionid", "textid", "claimid", "setid", "itemid", "pairid", "sentenceid"),
    "image": (
        *("imageid", "dicomid", "image", "imagepath", "path", "pathtoimage", "filename", "file", "filepath"),
        *("img", "imgpath", "imgid", "imageindex", "imagefile", "imagename", "sopinstanceuid", "imageuid"),
    ),
    "study": (
        *("studyid", "study", "studyinstanceuid", "studyuid", "accession", "accessionnumber", "reportid"),
        *("examid", "exam", "visitid"),
    ),
    "any": ("id", "uid", "key", "name", "rowid", "sampleid", "exampleid", "caseid", "recordid", "questionid"),
}
"""Kind of key -> names of its column, squashed; finer kinds first."""
PATIENT = (
    *("patientid", "subjectid", "patient", "subject", "deidpatientid", "patid", "pid", "patientuid"),
    *("personid", "mrn"),
)
CONDITION = (
    *(
        "condition",
        "finding",
        "pathology",
        "disease",
        "abnormality",
        "observation",
        "classname",
        "findingname",
    ),
    *("conditionname", "diagnosis", "entity", "labelname", "name", "findinglabel", "label"),
)
EXISTENCE = (
    *("existence", "polarity", "present", "presence", "state", "status", "labelvalue", "value", "certainty"),
    *(
        "assertion",
        "groundtruth",
        "gt",
        "target",
        "truth",
        "label",
        "isPresent".lower(),
        "positive",
        "answer",
    ),
)
LOCATION = ("location", "place", "site", "anatomy", "region", "locations", "anatomicallocation", "position")
SEVERITY = ("severity", "grade", "size", "extent", "degree")
DENIES = ("denies", "negationtype")
LISTS = (
    "findinglabels",
    "labels",
    "findings",
    "diseases",
    "pathologies",
    "conditions",
    "tags",
    "findinglist",
)
FACTS = ("facts", "fact", "findings", "labels", "claimfacts", "annotations", "entities", "referencefacts")


@lru_cache(maxsize=65_536)
def squash(name: str) -> str:
    """Return a name in lower case without anything but letters and digits."""
    return re.sub(r"[^a-z0-9]+", "", name.lower())


def pick(columns: Sequence[str], names: Iterable[str], without: Iterable[str] = ()) -> str | None:
    """Return the first column whose squashed name is on the list, in the order of the list."""
    return _pick(tuple(columns), tuple(names), frozenset(without))


@lru_cache(maxsize=4_096)
def _pick(columns: tuple[str, ...], names: tuple[str, ...], without: frozenset[str]) -> str | None:
    by_name: dict[str, str] = {}
    for c in columns:
        if c not in without:
            by_name.setdefault(squash(c), c)
    return next((by_name[n] for n in names if n in by_name), None)


def need_column(given: str, columns: Sequence[str], where: str, option: str) -> str:
    """Return a column that the user named; case and punctuation may differ if no other fits.

    Raises:
        UserError: if there is none.
    """
    if given in columns:
        return given
    near = [c for c in columns if squash(c) == squash(given)]
    if len(near) == 1:
        return near[0]
    raise UserError(f"no column '{given}' ({option})", where=where, how=name_nearest(given, columns))


def find_text(rows: Sequence[Mapping[str, object]], columns: Sequence[str], where: str) -> str:
    """Return the column that holds the captions or reports.

    One whose name says that a model wrote it goes first. Two that could be it are the user's to choose from.

    Raises:
        UserError: if none or several could be it.
    """
    known = [c for c in columns if squash(c) in TEXT and _holds_texts(rows, c)]
    generated = [c for c in known if squash(c) in OF_THE_MODEL]
    likely = generated or [c for c in known if squash(c) not in ("impression", "findings")] or known
    if not likely:
        prose = [c for c in columns if _holds_texts(rows, c) and _is_prose(rows, c)]
        if len(prose) == 1:
            return prose[0]
        likely = prose
    if len(likely) == 1:
        return likely[0]
    what = (
        "no column of texts found"
        if not likely
        else f"several columns could be the text: {list_some(likely)}"
    )
    raise UserError(what, where=where, how=f"--text-key NAME; its columns: {list_some(columns)}")


def list_some(names: Iterable[str]) -> str:
    """Return names joined by commas, at most 25."""
    names = list(names)
    return ", ".join(names[:25]) + (f" ... ({len(names)})" if len(names) > 25 else "")


def _holds_texts(rows: Sequence[Mapping[str, object]], column: str) -> bool:
    """Whether most of a column is words: "findings" may hold lists, "answer" letters."""
    values = [v for r in rows if (v := r.get(column)) not in (None, "")]
    if not values:
        return squash(column) in TEXT
    texts = [v for v in values if isinstance(v, str) and not v.lstrip().startswith(("[", "{"))]
    return len(texts) >= 0.5 * len(values) and any(" " in v.strip() for v in texts)


def _is_prose(rows: Sequence[Mapping[str, object]], column: str) -> bool:
    values = [str(v) for r in rows if (v := r.get(column))]
    return bool(values) and sum(len(v.split()) for v in values) >= 3 * len(values)
