"""``nastdata prompts``: the retrieval prompts of one condition."""

from __future__ import annotations

import click


@click.command("prompts", short_help="Print the 99 retrieval prompts of a condition.")
@click.argument("condition")
@click.option("--ontology", default="chest_xray", show_default=True, help="Built-in name or YAML file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
def command(condition: str, ontology: str, as_json: bool) -> None:
    """Print the 99 prompts of CONDITION: structured and natural, positive and negative (arXiv 2512.17121).

    They are for top-10 retrieval with a text tower; without --json the columns are tab-separated.
    """
    import json
    from dataclasses import asdict

    from nastdata.design.pairs.prompts import retrieval_prompts
    from nastdata.errors import UserError, name_nearest
    from nastdata.ontology import load_ontology

    known = load_ontology(ontology)
    if condition not in known.condition_by_name:
        raise UserError("no such condition", where=condition, how=name_nearest(condition, known.order))
    for prompt in retrieval_prompts(known, condition):
        fields = asdict(prompt)
        click.echo(json.dumps(fields) if as_json else "\t".join(map(str, fields.values())))
