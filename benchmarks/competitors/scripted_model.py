"""A "model" for the slots server: words what a prompt asks for, and gets a fixed share of sentences wrong.

It reads prompts by their text alone, as a model would, and shares no code with the package. Its English has
two clauses, "presence of X" and "absence of X", so that ``judge`` can tell by the facts whether a text is
right without any parser of the package. Which sentences it spoils hangs on a hash of the request.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any

MISTAKES = ("polarity", "extra", "chatter")
"""Present for absent or the reverse; a finding nobody asked for; words around the sentence."""
ASSIGNMENT = re.compile(r": (present|absent)(;|$)")
CLAUSE = re.compile(r"(presence|absence) of (.+)", re.I)


def is_task(messages: Sequence[Mapping[str, str]]) -> bool:
    """Whether a chat sets sentences to write, and is no probe of what the server can do."""
    return any(re.search(r"^1\. ", m["content"], re.M) for m in messages if m["role"] == "user")


def fill_schema(schema: Mapping[str, Any]) -> Any:
    """Return a value that obeys a JSON schema: the answer to a probe."""
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object":
        return {k: fill_schema(v) for k, v in schema.get("properties", {}).items()}
    return {"array": [], "integer": 1, "number": 1.0, "boolean": True}.get(str(schema.get("type")), "x")


def write_answer(messages: Sequence[Mapping[str, str]], share: float) -> tuple[str, int]:
    """Answer a chat.

    Args:
        messages: a chat that ``is_task``; its first question tells the task, the last one may ask for some of
            it again.
        share: of sentences that are spoiled.

    Returns:
        (the answer's text, the number of spoiled sentences in it).
    """
    prompt = next(m["content"] for m in messages if m["role"] == "user")
    mark = hashlib.sha256(json.dumps(list(messages)).encode()).hexdigest()
    numbered = re.findall(r"^(\d+)\. (.*)$", prompt, re.M)
    pairs = re.findall(r'^- absence of (.*?): "(.*?)"', prompt, re.M)
    if any(ASSIGNMENT.search(line) for _, line in numbered):
        negated = _word_options(prompt)
        parts = {"negated": negated, "affirmative": [_rewrite(t, pairs) for t in negated]}
        answer = parts if pairs else {"sentences": negated}
    else:
        answer = {"sentences": [_rewrite(line, pairs) for _, line in numbered]}
    if len(messages) > 1 and "was refused:" in messages[-1]["content"]:
        again = re.findall(r"^- sentence (\d+): ", messages[-1]["content"], re.M)
        answer = {"sentences": [answer["sentences"][int(i) - 1] for i in again]}
    spoiled = 0
    for name, sentences in answer.items():
        for i, sentence in enumerate(sentences):
            if kind := _pick(share, mark, name, i):
                sentences[i] = _spoil(sentence, kind)
                spoiled += 1
    return json.dumps(answer), spoiled


def _word_options(prompt: str) -> list[str]:
    """Word the assignments: the order of the findings hangs on the construction that is asked for."""
    texts = []
    orders = list(permutations(range(3)))
    order = orders[0]
    for line in prompt.splitlines():
        if line.startswith("Construction to lean on:"):
            order = orders[hashlib.sha256(line.encode()).digest()[0] % len(orders)]
        elif found := re.match(r"\d+\. (.*)$", line):
            findings = [f.rsplit(": ", 1) for f in found.group(1).strip().rstrip(";").split("; ")]
            said = ["presence" if state.strip() == "present" else "absence" for _, state in findings]
            clauses = [f"{said[i]} of {findings[i][0]}" for i in order]
            texts.append(_say(f"{clauses[0]}, {clauses[1]}, and {clauses[2]}."))
    return texts


def _rewrite(sentence: str, pairs: Sequence[tuple[str, str]]) -> str:
    for absent, affirmative in pairs:
        pattern = rf"absence of {re.escape(absent)}(?=[,.])"
        sentence = re.sub(pattern, f"presence of {affirmative}", sentence, flags=re.I)
    return _say(sentence)


def _say(text: str) -> str:
    return text[0].upper() + text[1:]


def _pick(share: float, *key: object) -> str | None:
    """Half of the mistakes are wrong polarities."""
    u = int(hashlib.sha256(repr(key).encode()).hexdigest()[:12], 16) / 16**12
    if u >= share:
        return None
    return MISTAKES[0] if u < share / 2 else MISTAKES[1] if u < share * 3 / 4 else MISTAKES[2]


def _spoil(sentence: str, kind: str) -> str:
    if kind == "polarity":
        flip = {"presence": "absence", "absence": "presence", "Presence": "Absence", "Absence": "Presence"}
        return re.sub(r"(?i)presence|absence", lambda m: flip[m.group()], sentence, count=1)
    if kind == "extra":
        return sentence.rstrip(".") + ", with hiatal hernia."
    return f"Sure, here is the sentence: {sentence}"


def judge(text: str, wanted: Mapping[str, int]) -> bool:
    """Whether a text of this model states just the wanted findings.

    Args:
        text: negated or affirmative.
        wanted: phrase of each finding, in lower case -> 1 stated as present, 0 stated as absent.
    """
    clauses = text.strip().rstrip(".").replace(", and ", ", ").split(", ")
    found = [CLAUSE.fullmatch(c) for c in clauses]
    said = {m.group(2).lower(): int(m.group(1).lower() == "presence") for m in found if m}
    return None not in found and len(found) == len(wanted) and said == dict(wanted)
