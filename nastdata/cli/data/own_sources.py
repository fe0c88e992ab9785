"""``nastdata sources new`` and ``check``: from somebody's table to a description, and what it gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nastdata.errors import CheckFailedError, UserError

HEADERS = 2_000
"""Files whose headers `sources check` reads for names."""


def write_new(files: tuple[Path, ...], out: Path, ontology_name: str, *, force: bool) -> None:
    """Look at files and write a starter; says what was recognised."""
    from nastdata.dataset.atomic import write_file
    from nastdata.ontology import load_ontology
    from nastdata.sources import is_own, list_sources
    from nastdata.sources.own.files.tables import find_files
    from nastdata.sources.own.starting.guess import guess_folder, guess_table
    from nastdata.sources.own.starting.starter import write_starter

    if not is_own(str(out)):
        raise UserError("the description has to be a .yaml file", where=f"-o {out}")
    if out.exists() and not force:
        raise UserError("exists already", where=str(out), how="choose another name, or --force to replace it")
    if not out.absolute().parent.is_dir():
        raise UserError("no such folder", where=str(out.absolute().parent))
    for file in files:
        if not file.exists() and not any(c in str(file) for c in "*?["):
            raise UserError("no such file or folder", where=str(file))
    ontology = load_ontology(ontology_name)
    only = files[0]
    found = [] if len(files) == 1 and only.is_dir() and not _has_tables(only) else find_files(
        [str(f.absolute()) for f in files], Path.cwd()
    )  # fmt: skip
    guess = guess_table(found, ontology) if found else guess_folder(only)
    text = write_starter(guess, out, ontology, ontology_name, set(list_sources()))
    write_file(out, text.encode())
    click.echo(_tell(guess))
    unknown = [n for n in guess.names if not n.condition and not n.nothing_found]
    for n in unknown[:12]:
        near = f" (near: {', '.join(n.near)})" if n.near else ""
        click.echo(f"not in the ontology: '{n.name}'{near}; written as 'ignore'")
    if len(unknown) > 12:
        click.echo(f"and {len(unknown) - 12} more")
    if guess.strange:
        shown = ", ".join(f"'{w}'" for w in list(guess.strange)[:8])
        click.echo(f"words to explain under 'values': {shown}")
    click.echo(f"written: {out}")
    click.echo(f"next:    edit it, then  nastdata sources check {out}")


def _has_tables(folder: Path) -> bool:
    from nastdata.sources.own.files.tables import find_files

    try:
        return any(not p.name.lower().endswith(".txt") for p in find_files([str(folder.absolute())], folder))
    except UserError:
        return False


def _tell(guess: Any) -> str:
    roles = ", ".join(f"{role}: '{column}'" for role, column in guess.roles.items()) or "no ids recognised"
    layouts = {
        "columns": f"{sum(bool(n.condition) for n in guess.names)} of {len(guess.names)} label columns",
        "list": f"a list in '{guess.column}'",
        "rows": f"one finding a row, in '{guess.column}'",
        "boxes": "one box a row"
        + (f", finding in '{guess.column}'" if guess.column else ", all of one finding"),
        "reports": "reports",
        None: "no labels recognised: say which columns they are",
    }
    what = f"{guess.rows:,} {'file' if guess.folder else 'row'}{'' if guess.rows == 1 else 's'}"
    return f"looked at {what}: {roles}; {layouts[guess.layout]}"


def print_check(source: Path, data: Path | None, ontology: str | None, *, show: int, as_json: bool) -> None:
    """Read a source whole and print what it gives."""
    from nastdata.sources import is_own

    if not is_own(str(source)):
        raise UserError("not a description of a source (.yaml)", where=str(source))
    found = check_source(source, data, ontology)
    if as_json:
        import json

        click.echo(json.dumps({**found, "unusable": found["unusable"][:show]}, indent=1, ensure_ascii=False))
    else:
        _print(found, show)
    if found["problems"]:
        raise CheckFailedError("; ".join(found["problems"]))


def check_source(path: Path, data: Path | None, ontology_name: str | None) -> dict[str, Any]:
    """Return everything that `sources check` says, as plain values."""
    from nastdata.ontology import load_ontology
    from nastdata.recipe import load_recipe
    from nastdata.sources.base import Options
    from nastdata.sources.opening import open_sources
    from nastdata.sources.own.load import SEE_REJECTS

    _check_description(path, ontology_name)
    recipe = load_recipe("mednega", [("source", str(path))])
    if data is not None:
        recipe = recipe.model_copy(update={"data": {str(path): data}})
    if ontology_name:
        recipe = recipe.model_copy(update={"ontology": ontology_name})
    recipe, (source,) = open_sources(recipe)
    ontology = load_ontology(recipe.ontology)
    tolerant = source.tolerate() if source.tolerate else source
    labels = tolerant.load_labels(recipe.data.get(source.name), ontology, Options())
    facts = tolerant.load_facts(recipe.data.get(source.name), ontology, Options())
    counts: Any = labels.report["labels"]
    rejected = len(labels.rejects)
    found: dict[str, Any] = {
        "name": source.name,
        "title": source.title,
        "ontology": ontology.name,
        "files": [{"name": f.path.name, "rows": f.rows} for f in labels.files],
        "rows_in": labels.rows_in,
        "used": labels.rows_out,
        "rejected": rejected,
        "left_out": labels.left_out,
        "patients": labels.report["patients"],
        "studies": labels.report["studies"],
        "labels": counts,
        "located": facts.report.get("located", 0),
        "graded": facts.report.get("graded", 0),
        "notes": list(labels.notes),
        "warnings": [*(w.removesuffix(SEE_REJECTS) for w in labels.warnings), *_find_names(source, labels)],
        "reasons": _count_reasons(labels.rejects),
        "unusable": labels.rejects.select("key", "reason", "text").to_dicts(),
        "terms": {
            "licence": source.terms.licence,
            "may_publish": source.terms.may_publish,
            "may_leave_machine": source.terms.may_leave_machine,
        },
        "would_give": _foresee(labels.frame, facts.frame, ontology, recipe),
    }
    problems = []
    limit = source.max_rejected
    if limit is not None and rejected > limit * labels.rows_in:
        problems.append(
            f"{rejected:,} of {labels.rows_in:,} rows can't be used; max_rejected allows a share of {limit:g}"
        )
    if not any(found["would_give"].values()):
        problems.append("nothing could be built of these data: see the table above")
    return {**found, "problems": problems}


def _check_description(path: Path, ontology_name: str | None) -> None:
    """Say all problems of a description at once, names that the ontology lacks too."""
    from nastdata.ontology import load_ontology
    from nastdata.sources.own.read_yaml import check_settings, list_conditions, load_plain
    from nastdata.sources.own.words import check_targets

    data = load_plain(path)
    try:
        check_settings(data, str(path))
    except UserError as problems:
        name = ontology_name or data.get("ontology") or "chest_xray"
        beside = path.parent / str(name)
        try:
            ontology = load_ontology(str(beside) if beside.is_file() else str(name))
        except UserError:
            raise problems from None
        check_settings(data, str(path), check_targets(list_conditions(data), ontology.condition_by_name))


def _find_names(source: Any, loaded: Any) -> list[str]:
    """Return warnings of ids and paths that could name a person or hold a name of the images' headers."""
    from nastdata.checks.identities.likely_names import find_likely_names
    from nastdata.checks.images.names import read_names
    from nastdata.images.find import make_roots

    advice = "rename them before a dataset of them leaves this machine"
    out = [f"{source.name}: {s}; {advice}" for s in find_likely_names(loaded.frame)]
    if source.image_root is None or not source.image_root.is_dir():
        return out
    ids = {str(i).lower() for column in ("patient_id", "study_id") for i in loaded.frame[column].unique()}
    names = read_names(make_roots({source.name: source.image_root}), ids, HEADERS)
    for what, column in (("image paths", "image"), ("patient ids", "patient_id"), ("study ids", "study_id")):
        values = loaded.frame[column].drop_nulls().unique(maintain_order=True).to_list()
        bad = sum(bool(names.find(v, single=False)) for v in values)
        if bad:
            out.append(
                f"{source.name}: {bad:,} of {len(values):,} {what} hold a name of the images' headers; "
                + advice
            )
    return out


def _count_reasons(rejects: Any) -> dict[str, int]:
    counts = rejects["reason"].value_counts(sort=True)
    return dict(sorted(counts.iter_rows(), key=lambda x: (-x[1], x[0])))


def _foresee(labels: Any, facts: Any, ontology: Any, recipe: Any) -> dict[str, int]:
    """Return how many rows of each config the built-in recipes would make."""
    from nastdata.dataset.splits import assign_splits
    from nastdata.design.contextual.captions import design_captions
    from nastdata.design.contextual.claims import design_claims
    from nastdata.design.mednega.design import design_mednega
    from nastdata.recipe import load_recipe

    out = {"mednega": 0, "contextual_claims": 0, "contextual_captions": 0}
    if len(labels):
        try:
            studies = assign_splits(labels, recipe.splits, recipe.seed)
            out["mednega"] = len(design_mednega(studies, ontology, recipe).frame)
        except UserError:
            pass
    if len(facts):
        contextual = load_recipe("contextual")
        rows = assign_splits(facts, contextual.splits, contextual.seed)
        out["contextual_claims"] = len(design_claims(rows, ontology, contextual).frame)
        out["contextual_captions"] = len(design_captions(rows, ontology, contextual).frame)
    return out


def _print(found: dict[str, Any], show: int) -> None:
    files = len(found["files"])
    click.echo(
        f"{found['title']} ({found['name']}): {found['rows_in']:,} rows in {files} "
        f"{'file' if files == 1 else 'files'}; {found['used']:,} used, {found['rejected']:,} not usable"
        + "".join(f", {n:,} left out ({why})" for why, n in found["left_out"].items())
    )
    click.echo(f"{found['patients']:,} patients, {found['studies']:,} studies")
    click.echo()
    width = max(len(c) for c in found["labels"])
    click.echo(f"{'condition':<{width}}  {'present':>9}  {'absent':>9}  {'uncertain':>9}  {'blank':>9}")
    for condition, n in found["labels"].items():
        cells = "  ".join(f"{n[k]:>9,}" for k in ("present", "absent", "uncertain", "blank"))
        click.echo(f"{condition:<{width}}  {cells}")
    click.echo(f"with a place: {found['located']:,}; with a grade: {found['graded']:,}")
    if found["reasons"]:
        click.echo(f"\nnot usable ({found['rejected']:,} rows):")
        for reason, n in list(found["reasons"].items())[:12]:
            click.echo(f"  {n:>9,}  {reason}")
        click.echo("such as:")
        for row in found["unusable"][:show]:
            value = f": '{row['text']}'" if row["text"] else ""
            click.echo(f"  {row['key']}, {row['reason']}{value}")
    click.echo()
    for note in found["notes"]:
        click.echo(note)
    for warning in found["warnings"]:
        click.echo(f"warning: {warning}")
    terms = found["terms"]
    leave = "may go to an LLM service" if terms["may_leave_machine"] else "stay on this machine"
    click.echo(f"terms: {terms['licence']}; rows {leave}; may be published: {terms['may_publish']}")
    gives = found["would_give"]
    click.echo(
        f"would give: {gives['mednega']:,} MedNega items; {gives['contextual_claims']:,} claim sets and "
        f"{gives['contextual_captions']:,} captions"
    )
