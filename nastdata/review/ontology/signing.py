"""Write a sign-off into an ontology's file: its ``review`` block is replaced, every other line stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from nastdata.dataset.atomic import write_file
from nastdata.dataset.manifest import hash_bytes
from nastdata.errors import UserError
from nastdata.ontology import Review, SignOff, find_ontology_file, load_ontology
from nastdata.review.records import Records, dump_records, measure_records, seal_ontology
from nastdata.review.session import Session


def sign_ontology(
    session: Session, records: Records, statement: dict[str, str], out: Path | None
) -> list[str]:
    """Sign the review of an ontology.

    Args:
        session: the review.
        records: what was answered.
        statement: name, role, date, scope.
        out: where the signed file goes; None writes it in place.

    Returns:
        What was written, in lines. The records lie beside the file.

    Raises:
        UserError: if a built-in ontology is to be changed in place, or the place can't be written.
    """
    ontology = session.ontology
    assert ontology is not None
    target = out or session.ontology_file
    if target is None:
        raise UserError(
            "a built-in ontology is not changed in place",
            where=f"--ontology {ontology.name}",
            how=f"--out {ontology.name}.yaml writes a signed copy, for --set ontology={ontology.name}.yaml",
        )
    source = session.ontology_file or find_ontology_file(ontology.name)
    if out is not None and out.exists() and out.resolve() != source.resolve():
        raise UserError("exists already", where=f"--out {out}", how="name another file")
    content = b"".join(dump_records(records).values())
    hashed = hash_bytes(content)
    counts = measure_records(records)
    figures = counts["items"]
    alpha = counts["agreement"].get("right", {}).get("krippendorff", {}).get("value")
    kept = [
        s for s in ontology.review.sign_offs if s.content == ontology.content and s.name != statement["name"]
    ]
    new = SignOff(
        **statement,
        items=figures["sampled"],
        **{k: figures[k] for k in ("accepted", "rejected", "unsure", "open", "unread")},
        krippendorff=None if alpha is None else round(alpha, 4),
        content=ontology.content,
        records=hashed,
        digest="-",
    )
    new = new.model_copy(update={"digest": seal_ontology(new)})
    signed = (*kept, new)
    review = Review(
        status="reviewed: see sign_offs",
        reviewed_by=tuple(f"{s.name}, {s.role}, {s.date}" for s in signed),
        notes=ontology.review.notes,
        sign_offs=signed,
    )
    text = replace_review(source.read_text(encoding="utf-8-sig"), review)
    beside = target.with_name(f"{target.stem}.review.jsonl")
    write_file(beside, content)
    write_file(target, text.encode())
    if load_ontology(str(target)).content != ontology.content:
        raise AssertionError("signing changed the ontology")
    lines = [f"signed: {new.name}, {new.role}, {new.date}: {new.scope}", f"written: {target}, {beside}"]
    lines += [
        f"removed: the sign-off of {s.name} ({s.date}): "
        + ("signed again" if s.name == new.name else "made for other content")
        for s in ontology.review.sign_offs
        if s not in kept
    ]
    if figures["rejected"]:
        lines.append(
            f"note: {figures['rejected']} statements were rejected: --figures lists them; correct the file"
        )
    return lines


def replace_review(text: str, review: Review) -> str:
    """Return an ontology file with another ``review`` block, everything else as it was.

    Raises:
        UserError: if the file is written on one line, where a block can't be put in.
    """
    root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    if root.flow_style:
        raise UserError("written in braces, so that its review can't be replaced", how="write it as a block")
    data: dict[str, Any] = {"review": review.model_dump(mode="json")}
    block = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)
    for key, value in root.value:
        if key.value == "review":
            start, end = key.start_mark.index, value.end_mark.index
            # the end of a block is where the next one begins: comments before that one stay with it
            held = text[start:end]
            lines = held.splitlines(keepends=True)
            while len(lines) > 1 and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
                lines.pop()
            used = sum(map(len, lines))
            rest = text[start + used :]
            return (
                text[:start] + block + (rest if rest.startswith("\n") or held.endswith("\n") else "\n" + rest)
            )
    return text + ("" if text.endswith("\n") else "\n") + block
