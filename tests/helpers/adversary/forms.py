"""What a finding looks like in a sentence: its noun phrase, its verbs, its place."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from nastdata.ontology import load_ontology

HERE = Path(__file__).parent
WITHOUT_VERB_S = {"both lungs"}
ADVERBS = {"mild": "mildly ", "moderate": "moderately ", "severe": "severely "}
LOBES = ("right upper lobe", "right middle lobe", "right lower lobe", "left upper lobe", "left lower lobe")


@lru_cache(maxsize=1)
def read_names() -> dict[str, Any]:
    """How conditions are called, by condition, and the groups of conditions that templates name."""
    loaded: dict[str, Any] = yaml.safe_load((HERE / "names.yaml").read_text(encoding="utf-8"))
    return loaded


@dataclass(frozen=True)
class Subject:
    """A finding as drawn: which condition, called what, where, how grave."""

    condition: str
    name: str
    kind: str
    """``one`` or ``many`` (of a count noun), ``mass``, ``set``."""
    narrow: bool
    place: str | None = None
    grade: str | None = None

    @property
    def plural(self) -> bool:
        return self.kind in ("many", "set")


def draw_subject(rng: random.Random, condition: str, place: str | None, grade: str | None) -> Subject:
    """Choose a name; several places take the plural of a count noun."""
    names = read_names()["conditions"][condition]
    if place:
        names = [n for n in names if n.get("places", True)]
    entry = rng.choice(names)
    kind = "mass" if "mass" in entry else "set" if "set" in entry else rng.choice(["one", "one", "many"])
    if kind == "one" and place and (place.startswith(("both", "bilateral")) or place.endswith("ribs")):
        kind = "many"
    return Subject(condition, entry[kind], kind, entry.get("narrow", False), place, grade)


def places_of(condition: str) -> list[str]:
    """Places of the ontology that a sentence here can name."""
    known = load_ontology("chest_xray").condition_by_name[condition].places
    return [p for p in known if p not in _left_out()]


def _left_out() -> frozenset[str]:
    return frozenset(read_names()["places_left_out"])


def mirror(place: str | None) -> str | None:
    """The same place on the other side."""
    if place is None:
        return None
    first, _, rest = place.partition(" ")
    other = {"right": "left", "left": "right"}.get(first)
    if other is None or place == "right middle lobe":
        return None
    return f"{other} {rest}".strip()


def name_place(place: str) -> str:
    """The place as a subject or object: "the right lower lobe", "both lungs"."""
    if place in ("right", "left"):
        return f"the {place} side"
    if place == "bilateral":
        return "both sides"
    if place in _left_out():
        return load_ontology("chest_xray").place_by_name[place].phrase.split(" ", 1)[1]
    return place if place.startswith("both") else f"the {place}"


def after_noun(rng: random.Random, place: str) -> str:
    """The place after a noun or verb: "in the right lower lobe"."""
    if place in ("right", "left"):
        return rng.choice([f"on the {place}", f"on the {place} side"])
    if place == "bilateral":
        return rng.choice(["bilaterally", "on both sides"])
    if place in _left_out():
        return load_ontology("chest_xray").place_by_name[place].phrase
    at = ("apex", "apices", "base", "bases", "angle", "angles", "hilum")
    preposition = "at" if place.endswith(at) else "in"
    if preposition == "in" and place.endswith(("lobe", "lung", "lobes", "lungs")):
        preposition = rng.choice(["in", "within"])
    return f"{preposition} {name_place(place)}"


def before_noun(rng: random.Random, place: str) -> str | None:
    """The place as an adjective: "right lower lobe", "left-sided"; None where English has none."""
    if place in ("right", "left"):
        return rng.choice([place, f"{place}-sided"])
    if place == "bilateral":
        return "bilateral"
    adjectives = {"lingula": "lingular", "retrocardiac region": "retrocardiac", "sternum": "sternal"}
    adjectives |= {"both lung bases": "bibasilar", "both lung apices": "biapical"}
    for side in ("right", "left"):
        adjectives |= {f"{side} lung apex": f"{side} apical", f"{side} lung base": f"{side} basilar"}
        adjectives |= {f"{side} perihilar region": f"{side} perihilar", f"{side} ribs": f"{side} rib"}
        adjectives |= {f"{side} clavicle": f"{side} clavicular", f"{side} humerus": f"{side} humeral"}
    if place in adjectives:
        return adjectives[place]
    return place if place.endswith(("lobe", "zone")) and not place.startswith("both") else None


def add_article(phrase: str, subject: Subject) -> str:
    """Put the indefinite article before the noun phrase of a count noun."""
    if subject.kind != "one":
        return phrase
    return f"{'an' if phrase[0].lower() in 'aeiou' else 'a'} {phrase}"


def break_article(phrase: str, subject: Subject) -> str | None:
    """The noun phrase with an article that is wrong; None for mass nouns, of which some take one."""
    if subject.kind == "mass":
        return None
    if subject.plural:
        return f"a {phrase}"
    return f"{'a' if phrase[0].lower() in 'aeiou' else 'an'} {phrase}"


def fill_forms(subject: Subject, adjective: str | None, suffix: str = "") -> dict[str, str]:
    """Every form of a finding that a template can ask for, the agreement of its verbs with it."""
    bare = " ".join(p for p in (adjective, subject.name) if p)
    whole = " ".join(p for p in (subject.grade, bare) if p)
    several = subject.plural
    forms = {
        "A": add_article(whole, subject),
        "N": whole,
        "THE": f"the {whole}",
        "any": f"any {whole}",
        "Abare": add_article(bare, subject),
        "THEbare": f"the {bare}",
        "is": "are" if several else "is",
        "isnt": "aren't" if several else "isn't",
        "was": "were" if several else "was",
        "has": "have" if several else "has",
        "does": "do" if several else "does",
        "s": "" if several else "s",
        "it": "they" if several else "it",
        "its": "their" if several else "its",
        "are!": "is" if several else "are",
        "G": subject.grade or "",
        "g": ADVERBS.get(subject.grade or "", ""),
    }
    wrong = break_article(whole, subject)
    if wrong:
        forms["Awrong"] = wrong
    organ = read_names()["organs"].get(subject.condition)
    if organ:
        many = organ.endswith("s")
        forms |= {"ORG": organ, "ORGis": "are" if many else "is", "ORGdoes": "do" if many else "does"}
        forms |= {"ORGs": "" if many else "s"}
    return {f"{k}{suffix}": v for k, v in forms.items()}
