"""A review's records as a dataset folder keeps them: the sample and every answer that counts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nastdata.errors import UserError
from nastdata.ontology import SignOff
from nastdata.review.figures.agreement import DRAWS, measure_agreement
from nastdata.review.figures.measure import count_items, list_rejected, measure_acceptance
from nastdata.review.items import Item, load_item
from nastdata.review.outcomes import Outcome, find_disagreements, settle_items
from nastdata.review.questions import VALUES
from nastdata.review.store import Answer, ReviewStore, Role

SAMPLE, ANSWERS, CHANGES = "review/sample.json", "review/answers.jsonl", "review/changes.json"
FORMAT = "nastdata-review-records-1"


@dataclass(frozen=True)
class Records:
    """A review read back from its records."""

    about: dict[str, Any]
    """``subject``, ``plan``, ``strata``, ``reviewers``."""
    items: dict[int, Item]
    answers: list[Answer]

    @property
    def roles(self) -> dict[str, Role]:
        """Person -> role."""
        return dict(self.about["reviewers"])

    @property
    def outcomes(self) -> list[Outcome]:
        """What came of each item."""
        return settle_items(self.items, self.answers, self.roles)


def take_records(store: ReviewStore) -> Records:
    """Return what a review's file holds now."""
    about = store.about
    told = {k: about[k] for k in ("subject", "plan", "strata")} | {"reviewers": store.read_reviewers()}
    return Records(told, store.read_items(), store.read_answers())


def dump_records(records: Records) -> dict[str, bytes]:
    """Return file name -> content. Texts of the rows are in the dataset, so that they are left out here."""
    items = []
    for item in records.items.values():
        bare = json.loads(replace(item, lines=(), stem="", title="", sentences=(), notes=()).dump())
        items.append(
            {k: v for k, v in bare.items() if k not in ("lines", "stem", "title", "sentences", "notes")}
        )
    sample = {"format": FORMAT, **records.about, "items": items}
    lines = [
        {
            "item": a.item,
            "key": records.items[a.item].key,
            "reviewer": a.reviewer,
            "answers": a.values,
            "comment": a.comment,
            "corrections": a.corrections,
            "seconds": a.seconds,
            "at": a.at,
        }
        for a in records.answers
    ]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    return {
        SAMPLE: (json.dumps(sample, indent=1, ensure_ascii=False) + "\n").encode(),
        ANSWERS: text.encode(),
    }


def read_records(folder: Path) -> Records:
    """Read the records that a dataset folder keeps.

    Raises:
        UserError: if they are missing or malformed.
    """
    name = SAMPLE
    try:
        sample = json.loads((folder / SAMPLE).read_text(encoding="utf-8"))
        if sample["format"] != FORMAT:
            raise ValueError(f"format {sample['format']!r}")
        blank = {"lines": [], "stem": "", "title": "", "sentences": [], "notes": []}
        items = {i["n"]: load_item(json.dumps({**i, **blank})) for i in sample["items"]}
        name = ANSWERS
        answers = []
        for line in (folder / ANSWERS).read_text(encoding="utf-8").splitlines():
            a = json.loads(line)
            answer = Answer(
                *(
                    a["item"],
                    a["reviewer"],
                    a["answers"],
                    a["comment"],
                    a["corrections"],
                    a["seconds"],
                    a["at"],
                )
            )
            _check_answer(answer, items, sample["reviewers"], a["key"])
            answers.append(answer)
        about = {k: sample[k] for k in ("subject", "plan", "strata", "reviewers")}
    except FileNotFoundError as e:
        raise UserError("missing", where=name) from e
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
        raise UserError(f"not readable ({type(e).__name__}: {e})", where=name) from e
    return Records(about, items, answers)


def measure_records(records: Records, *, draws: int = DRAWS) -> dict[str, Any]:
    """Return the figures that a manifest states: counts, acceptance, agreement, rejected items."""
    outcomes, roles = records.outcomes, records.roles
    readers = [name for name, role in roles.items() if role == "reviewer"]
    disputed = find_disagreements(records.items, records.answers, roles)
    acceptance = measure_acceptance(outcomes, records.about["strata"])
    return {
        "items": count_items(outcomes, records.answers, roles, disputed),
        "acceptance": {k: v for k, v in acceptance.items() if k != "stratum"},
        "agreement": measure_agreement(records.items, records.answers, readers, draws=draws),
        "rejected": [
            {k: r[k] for k in ("item", "config", "key", "reasons")} for r in list_rejected(outcomes)
        ],
    }


def seal(statement: Mapping[str, Any], records: Mapping[str, str], bound: Mapping[str, Any]) -> str:
    """Return the digest that ties a sign-off to the records and to the rows.

    Args:
        statement: name, role, date, scope.
        records: file name -> sha256.
        bound: what the rows are known by: a manifest's ``bindings``, or an ontology's content.
    """
    said = {k: str(statement.get(k)) for k in ("name", "role", "date", "scope")}
    text = json.dumps([said, dict(records), dict(bound)], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def seal_ontology(sign_off: SignOff) -> str:
    """Return the digest that ties a sign-off of an ontology together, its own digest left out."""
    told = sign_off.model_dump(mode="json", exclude={"digest"})
    return seal(told, {"records": sign_off.records}, told)


def _check_answer(answer: Answer, items: Mapping[int, Item], roles: Mapping[str, str], key: str) -> None:
    item = items[answer.item]
    if item.key != key:
        raise ValueError(f"item {answer.item} is not {key}")
    if answer.reviewer not in roles:
        raise ValueError(f"'{answer.reviewer}' is not a reviewer")
    if set(answer.values) != set(item.questions) or not set(answer.values.values()) <= set(VALUES):
        raise ValueError(f"item {answer.item} is not answered as asked")
