"""``sources new``: a description to start from, each guess with its reason and what is left to say."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from nastdata.ontology import Ontology
from nastdata.sources.own.starting.guess import Guess
from nastdata.sources.own.starting.recognise import Named

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_ ()/.-]*[A-Za-z0-9_)]|[A-Za-z_]")
RESERVED = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
RIGHTS = """
# Who may do what with these data. What you do not say is not allowed, and the card of every dataset
# that is built from them says so.
rights:
  licence: not stated        # e.g. cc-by-4.0, or the name of your data use agreement
  citation: ""               # how to cite the data
  url: ""
  may_publish: no            # yes | private (a private repository only) | no
  may_leave_machine: false   # may rows go to a language model's server?
  deidentified: ""           # who has seen that ids and paths name nobody, and when
"""


def write_starter(guess: Guess, out: Path, ontology: Ontology, ontology_name: str, reserved: set[str]) -> str:
    """Return the text of a description with the guesses in it."""
    name = _name(guess, reserved)
    lines = [
        f"# Describes your data to nastdata. Next: correct it, then  nastdata sources check {out.name}",
        "# Every key is explained in docs/own-data.md.",
        f"name: {name}                # short; every row has it as its source",
        f"title: {quote(name.replace('-', ' '))}",
        'version: "1"',
    ]
    if ontology_name != "chest_xray":
        lines.append(f"ontology: {quote(_relate(Path(ontology_name), out))}")
    if guess.files:
        shown = [quote(_relate(p, out)) for p in guess.files]
        lines.append(f"files: {shown[0]}" if len(shown) == 1 else f"files: [{', '.join(shown)}]")
    lines += _tell_reading(guess)
    lines += RIGHTS.splitlines()
    lines += ["", *_tell_columns(guess)]
    lines += ["", *_tell_labels(guess, ontology, out)]
    return "\n".join(lines).rstrip() + "\n"


def quote(text: str) -> str:
    """Return a YAML scalar of a text."""
    if PLAIN.fullmatch(text) and text.casefold() not in RESERVED:
        return text
    return json.dumps(text, ensure_ascii=False)


def _name(guess: Guess, reserved: set[str]) -> str:
    path = guess.files[0] if guess.files else guess.folder or Path("mine")
    stem = re.sub(r"(\.(csv|tsv|txt|gz|parquet|jsonl|ndjson|json|xlsx|zip|arrow))+$", "", path.name.lower())
    slug = re.sub(r"[^a-z0-9]+", "-", stem).strip("-")[:40].strip("-") or "mine"
    return f"{slug}-own" if slug in reserved else slug


def _relate(path: Path, out: Path) -> str:
    """Return a path as seen from the YAML file's folder, where it is below or beside it."""
    related = os.path.relpath(path.absolute(), out.absolute().parent)
    return str(path.absolute()) if related.count("..") > 2 else Path(related).as_posix()


def _tell_reading(guess: Guess) -> list[str]:
    r = guess.reading
    if not r.encoding:
        return []
    return [f"read: {{encoding: {r.encoding}}}   # it is not UTF-8; check the umlauts and accents"]


def _tell_columns(guess: Guess) -> list[str]:
    if guess.folder is not None:
        return [
            "# The files' paths name patients and studies, p10000032/s50414267.txt as in MIMIC-CXR; else",
            "# each file is a study and a patient of its own, unless reports.pattern says which part is",
            "# which, e.g. pattern: '(?P<patient>[^/]+)/(?P<study>[^/]+)[.]txt'",
        ]
    lines = ["columns:"]
    told = {
        "patient": "one patient is in one split only",
        "study": "rows of one study belong together",
        "image": "path below the image folder",
        "view": "the PA image of a study is preferred",
        "split": "used with --set splits.keep_own=true",
    }
    for role, why in told.items():
        column = guess.roles.get(role)
        if column is None and role in guess.patterns:
            image, pattern = quote(guess.roles["image"]), json.dumps(guess.patterns[role])
            lines.append(f"  {role}: {{column: {image}, pattern: {pattern}}}   # {why}")
            continue
        if column is None:
            if role == "patient":
                lines.append("  # patient: COLUMN   (none was recognised: each study counts as one patient)")
            continue
        value = quote(column)
        if role == "view" and len(guess.views) > 1:
            value = f"[{', '.join(map(quote, guess.views))}]"
        if role == "image" and guess.prefix:
            value = f"{{column: {value}, remove_prefix: {quote(guess.prefix)}}}"
        elif role == "image" and guess.template:
            value = f'{{column: {value}, template: "{guess.template}"}}'
            why = "the file's name is a guess"
        lines.append(f"  {role}: {value}   # {why}")
    if guess.doubled:
        lines.append(f"  # there several times, so not usable: {', '.join(map(quote, guess.doubled))}")
    if len(lines) == 1:
        lines.append(f"  # no id was recognised; say which column it is: {', '.join(guess.header[:12])}")
        lines.append("  image: COLUMN")
    return lines


def _tell_labels(guess: Guess, ontology: Ontology, out: Path) -> list[str]:
    known = ", ".join(c.name for c in ontology.conditions)
    head = [f"# Conditions of the ontology: {known}"]
    if guess.layout == "reports":
        return _tell_reports(guess, out)
    if guess.layout is None:
        return [
            *head,
            "# No label column was recognised. Say which columns are labels, for example:",
            "labels:",
            "  layout: columns",
            "  columns:",
            *(f"    {quote(h)}: ignore" for h in guess.header[:20] if h and h not in guess.roles.values()),
        ]
    if guess.layout == "columns":
        lines = [*head, "labels:", "  layout: columns          # one column a condition", "  columns:"]
        lines += _tell_names(guess.names)
        return [*lines, *_tell_values(guess)]
    if guess.layout == "list":
        separator = quote(guess.separator) if guess.separator != "list" else "list   # JSON or Python lists"
        lines = [
            *head,
            "labels:",
            "  layout: list             # one column lists what there is",
            f"  column: {quote(str(guess.column))}",
            f"  separator: {separator}",
            "  unlisted: not_mentioned  # say 'absent' only if every finding was looked for in every study",
            "  unknown: reject          # a word that is not listed below: reject its row, or ignore it",
            "  names:",
        ]
        return [*lines, *_tell_names(guess.names), *_tell_values(guess)]
    lines = [
        *head,
        "labels:",
        f"  layout: {guess.layout}           # one row a finding",
        f"  finding: {quote(guess.column)}"
        if guess.column
        else "  condition: CONDITION     # all rows are about one finding: which of the above is it?",
        *(f"  {part}: {quote(column)}" for part, column in guess.parts.items()),
        "  unlisted: not_mentioned  # say 'absent' only if every finding was looked for in every study",
        *(["  names:", *_tell_names(guess.names)] if guess.names else ()),
    ]
    if guess.layout == "boxes" and guess.box:
        columns, order = guess.box
        given = ("1024", "1024") if max(guess.reach) <= 1024 else ("WIDTH", "HEIGHT")
        width, height = (quote(s) if s else n for s, n in zip(guess.size, given, strict=True))
        reach = "{} x {}".format(*guess.reach)
        lines += [
            "  box:                     # side and zone follow; the patient's right is on the image's left",
            f"    columns: [{', '.join(map(quote, columns))}]",
            f"    order: {order}",
            f"    width: {width}              # of the image: a column, or one number"
            + ("" if guess.size[0] else f"; the boxes reach {reach} pixels"),
            f"    height: {height}",
        ]
    lines += _tell_values(guess)
    if reader := guess.roles.get("reader"):
        lines += [
            "agreement:                 # how several readers become one",
            f"  reader: {quote(reader)}",
            "  present_if: majority     # a number, any, majority or all",
            "  absent_if: all",
        ]
    return lines


def _tell_names(names: Iterable[Named]) -> list[str]:
    lines = []
    for n in names:
        target = n.condition or ("nothing_found" if n.nothing_found else "ignore")
        if n.condition and n.place:
            target = f"{{condition: {n.condition}, place: {n.place}}}"
        note = ""
        if target == "ignore":
            note = (
                f"   # not in the ontology; near: {', '.join(n.near)}"
                if n.near
                else "   # not in the ontology"
            )
        lines.append(f"    {quote(n.name)}: {target}{note}")
    return lines


def _tell_values(guess: Guess) -> list[str]:
    lines = ["", "values:"]
    if guess.strange:
        words = ", ".join(
            f"{quote(w)} ({n:,} {'row' if n == 1 else 'rows'})" for w, n in list(guess.strange.items())[:12]
        )
        lines += [
            f"  # words that are not understood yet: {words}",
            "  present: []              # e.g. [sicher, ++]",
            "  absent: []",
            "  uncertain: []",
            "  not_mentioned: []",
        ]
    lines += [
        "  blank: not_mentioned     # a blank means absent only if you say so: absent",
        "  nothing_found: not_mentioned   # 'No Finding' denies all conditions above only if you say: absent",
    ]
    return lines


def _tell_reports(guess: Guess, out: Path) -> list[str]:
    lines = ["# Reports are read into findings with place, grade and certainty.", "reports:"]
    if guess.folder is not None:
        return [*lines, f"  folder: {quote(_relate(guess.folder, out))}   # .txt files"]
    if len(guess.texts) > 1:
        return [*lines, f"  columns: [{', '.join(map(quote, guess.texts))}]"]
    return [*lines, f"  column: {quote(guess.texts[0])}"]
