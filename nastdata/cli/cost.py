"""What a build would ask of a language model, told before anything is asked."""

from __future__ import annotations

from typing import Any

import click


def tell_cost(recipe: Any, *, fresh: bool) -> None:
    """Print the calls, tokens and price that a build foresees; nothing is asked or written."""
    from nastdata.pipeline import make
    from nastdata.progress import Progress

    unaudited = recipe.model_copy(update={"audit": recipe.audit.model_copy(update={"enabled": False})})
    ledger = make(unaudited, Progress(), fresh=fresh, dry=True).manifest["ledger"]
    if ledger is None:
        click.echo("no calls: the template writer asks no model")
        return
    for key in ("calls", "cached_calls", "jobs", "statements", "prompt_tokens", "completion_tokens"):
        if key in ledger:
            click.echo(f"{key.replace('_', ' ')}: {ledger[key]:,}")
    cost = ledger["cost"]
    click.echo(f"cost: {'unknown (set writer.prices)' if cost is None else f'{cost:,.2f}'}")
