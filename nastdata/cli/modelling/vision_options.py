"""Options of ``nastdata evaluate`` that concern generative models only."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nastdata.errors import UserError

if TYPE_CHECKING:
    from nastdata.evaluation.generative import VisionSettings

F = TypeVar("F", bound=Callable[..., Any])
NAMES = (
    *("orders", "controls", "choice", "max_tokens", "instruction", "system", "revision", "concurrency"),
    *("retries", "timeout", "fresh", "check_kept", "own_server", "stated_by", "price_input", "price_output"),
)


def vision_options(function: F) -> F:
    """Add the options that say how a generative model is asked."""
    decorators = [
        click.option(
            "--orders",
            type=click.IntRange(1, 5040),
            default=1,
            show_default=True,
            help="Orders of options to ask each question in; scores are averaged. 1: the dataset's own.",
        ),
        click.option(
            "--controls",
            is_flag=True,
            help="Ask each question without an image, and with another patient's, too.",
        ),
        click.option(
            "--choice",
            type=click.Choice(["text", "logprobs"]),
            default="text",
            show_default=True,
            help="Read the answer's text, or compare the letters' log-probabilities.",
        ),
        click.option(
            "--max-tokens",
            type=click.IntRange(min=1),
            default=1024,
            show_default=True,
            help="Longest answer; models that think before they answer need thousands.",
        ),
        click.option(
            "--instruction",
            default="Answer with one letter: {letters}.",
            show_default=True,
            help="Last line of the prompt.",
        ),
        click.option("--system", help="System prompt."),
        click.option(
            "--revision",
            help="A name for the weights: answers of different weights at one address are kept apart.",
        ),
        click.option(
            "--concurrency",
            type=click.IntRange(1, 1024),
            default=8,
            show_default=True,
            help="Questions under way at a time.",
        ),
        click.option(
            "--retries",
            type=click.IntRange(0, 50),
            default=6,
            show_default=True,
            help="How often to try again after an error that may pass (429, 5xx, lost connections).",
        ),
        click.option(
            "--timeout",
            type=click.FloatRange(min=0.1),
            default=120.0,
            show_default=True,
            help="Seconds that an answer may take.",
        ),
        click.option(
            "--fresh", is_flag=True, help="Ask everything again, also what was answered in earlier runs."
        ),
        click.option(
            "--check-kept",
            type=click.IntRange(min=0),
            default=2,
            show_default=True,
            help="How many kept answers to ask again, to see whether it is still the same model.",
        ),
        click.option(
            "--own-server",
            metavar="HOST",
            help="A server of your own institution that may see restricted images; needs --stated-by.",
        ),
        click.option(
            "--stated-by",
            metavar="WHO",
            help="Who says so, and on what ground; recorded with the results.",
        ),
        click.option("--price-input", type=click.FloatRange(min=0), help="Price of a million prompt tokens."),
        click.option(
            "--price-output", type=click.FloatRange(min=0), help="Price of a million completion tokens."
        ),
    ]
    for decorate in reversed(decorators):
        function = decorate(function)
    return function


def read_vision(given: dict[str, Any]) -> VisionSettings:
    """Return the settings, and take their options out of ``given``.

    Raises:
        UserError: if a server is named without who answers for it.
    """
    from nastdata.evaluation.generative import Permission, VisionSettings
    from nastdata.recipe import Prices

    own = {name: given.pop(name) for name in NAMES}
    host, who = own.pop("own_server"), own.pop("stated_by")
    if (host is None) != (who is None):
        raise UserError("--own-server and --stated-by go together", where="nastdata evaluate")
    if host is not None and "://" in host:
        raise UserError(
            "not a host name", where=f"--own-server {host}", how="e.g. --own-server gpu01.hospital.org"
        )
    permission = Permission(host, who) if host is not None and who is not None else None
    prices = Prices(input=own.pop("price_input"), output=own.pop("price_output"))
    return VisionSettings(**own, permission=permission, prices=prices)
