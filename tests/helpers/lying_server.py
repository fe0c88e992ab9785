"""A model that lies now and then, fluently: sentences of the adversary, with a book of their truth.

Its ``write`` goes into ``servers.serve``. It reads our prompts as a model would, by their text alone.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

from adversary import write_honest, write_lie
from servers import _affirm, _captions, _options

from nastdata.ontology import load_ontology
from nastdata.records import Denial, Existence, Fact

STATEMENTS: dict[str, tuple[Existence, Denial | None]] = {
    "it is present": ("present", None),
    "it is absent": ("absent", None),
    "it is present, but NOT at the place named below; deny that place": ("present", "location"),
    "it is present, but NOT of the grade named below; deny that grade": ("present", "severity"),
    "there is none of the place and grade named below": ("absent", None),
}
FOR_PRESENT = (
    *("possible {}", "resolved {}", "history of {}", "no new {}", "no presence of {}", "absence of {}"),
    *("absence of all but {}", "presence of {} on the prior study", "presence of what is not {}"),
)
FOR_ABSENT = (
    *("no absence of {}", "absence of {} except on the left", "absence of new {}", "presence of {}"),
    *("absence of change in {}", "absence of a lack of {}", "absence of {} on the prior study"),
)
FOR_AFFIRMATIVE = ("absence of {}", "presence of no {}", "presence of {} on the prior study", "loss of {}")


@dataclass
class Liar:
    """Answers prompts; a share of its sentences say something else than they were asked to."""

    share: float
    captions: dict[str, Fact | None] = field(default_factory=dict)
    """Caption -> the fact that it says, None if it says none exactly."""
    options: dict[str, dict[str, int] | None] = field(default_factory=dict)
    """Option, negated or affirmative -> finding as named in the prompt -> label; None for a lie."""
    honest: dict[str, Fact] = field(default_factory=dict)
    """Captions that say what they were asked to say."""
    lies: int = 0
    told: int = 0
    """Sentences of every kind, lies among them."""

    def write(self, prompt: str, mark: str) -> list[str]:
        """Answer a prompt; ``mark`` seeds the choice."""
        rng = random.Random(mark)
        numbered = re.findall(r"^(\d+)\. (.*)$", prompt, re.M)
        if "Construction to lean on:" in prompt:
            return [self._write_option(rng, line) for _, line in numbered]
        if "Sentences:" in prompt:
            pairs = re.findall(r'^- absence of (.*?): "(.*?)"', prompt, re.M)
            return [self._rewrite(rng, line, pairs) for _, line in numbered]
        if "For every numbered fact" in prompt:
            return [self._write_caption(rng, line.replace("; ", "\n- ")) for _, line in numbered]
        found = re.search(r"You write (\d+)", prompt)
        assert found, prompt
        return [self._write_caption(rng, prompt) for _ in range(int(found.group(1)))]

    def _lies_now(self, rng: random.Random) -> bool:
        self.told += 1
        lying = rng.random() < self.share
        self.lies += lying
        return lying

    def _write_caption(self, rng: random.Random, prompt: str) -> str:
        fact = read_fact(prompt)
        sentence = (write_lie if self._lies_now(rng) else write_honest)(rng, fact)
        if sentence is None:
            text = _captions(f"You write 1\n- {prompt}" if "You write" not in prompt else prompt)[0]
            self.captions[text] = self.honest[text] = fact
            return text
        assert self.captions.setdefault(sentence.text, sentence.says) == sentence.says
        if sentence.says == fact:
            self.honest[sentence.text] = fact
        return sentence.text

    def _write_option(self, rng: random.Random, line: str) -> str:
        labels = dict(f.rsplit(": ", 1) for f in line.strip().rstrip(";").split("; "))
        text = _options(line)
        truth = {name: int(state.strip() == "present") for name, state in labels.items()}
        if self._lies_now(rng):
            name = rng.choice(list(truth))
            said = f"{'presence' if truth[name] else 'absence'} of {name}"
            lie = rng.choice(FOR_PRESENT if truth[name] else FOR_ABSENT)
            text = re.sub(re.escape(said), lie.format(name), text, count=1, flags=re.I)
            text = text[0].upper() + text[1:]
            flipped = lie in ("presence of {}", "absence of {}")
            self.options[text] = {**truth, name: 1 - truth[name]} if flipped else None
            return text
        self.options[text] = truth
        return text

    def _rewrite(self, rng: random.Random, line: str, pairs: list[tuple[str, str]]) -> str:
        text = _affirm(line, pairs)
        used = [a for _, a in pairs if f"presence of {a}" in text.lower()]
        if self._lies_now(rng) and used:
            lie = rng.choice(FOR_AFFIRMATIVE).format(rng.choice(used))
            changed = lie.split(" of ", 1)[1].removeprefix("no ").removesuffix(" on the prior study")
            text = re.sub(f"presence of {re.escape(changed)}", lie, text, count=1, flags=re.I)
            self.options[text] = None
            return text
        self.options[text] = self.options.get(line)
        return text


def read_fact(prompt: str) -> Fact:
    """The fact that a prompt asks for."""

    def value(name: str) -> str | None:
        found = re.search(rf"^(?:- )?{name}: (.*)$", prompt, re.M)
        return found.group(1).strip() if found else None

    ontology = load_ontology("chest_xray")
    condition = next(c.name for c in ontology.conditions if c.text == value("finding"))
    place = value("place")
    at = next((p.name for p in ontology.places if p.phrase == place), None)
    assert (place is None) == (at is None), prompt
    existence, denies = STATEMENTS[str(value("statement"))]
    return Fact(condition, existence, at, value("grade"), denies)
