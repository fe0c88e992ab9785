"""Options that the commands of the training half share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from nastdata.errors import UserError

F = TypeVar("F", bound=Callable[..., Any])


def models_option(function: F) -> F:
    """Add ``--model``, for one model or several."""
    return click.option(
        "--model",
        "models",
        multiple=True,
        required=True,
        help="A model; give the option again for others, which are compared with the first.",
    )(function)


def out_option(default: str) -> Callable[[F], F]:
    """Return what adds ``--out``, a folder with a default name."""
    return click.option(
        "--out",
        type=click.Path(path_type=Path),
        default=Path(default),
        show_default=True,
        help="Folder to write.",
    )


def image_options(function: F) -> F:
    """Add the options that say where images are and where models run."""
    decorators = [
        click.option(
            "--images",
            multiple=True,
            metavar="SOURCE=FOLDER",
            help="Folder of a source's images; phantom images are drawn if it is not given.",
        ),
        click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1, mps ..."),
        click.option(
            "--cache",
            type=click.Path(path_type=Path),
            default=Path(".nastdata-cache"),
            show_default=True,
            help="Folder where image features are kept.",
        ),
    ]
    for decorate in reversed(decorators):
        function = decorate(function)
    return function


def read_roots(images: tuple[str, ...]) -> dict[str, Path]:
    """Return source -> image root.

    Raises:
        UserError: if one is not SOURCE=FOLDER, or there is no such folder.
    """
    roots = {}
    for item in images:
        source, equals, folder = item.partition("=")
        if not equals or not source:
            raise UserError("not of the form SOURCE=FOLDER", where=f"--images {item}")
        if not Path(folder).is_dir():
            raise UserError("no such folder", where=f"--images {item}")
        roots[source] = Path(folder)
    return roots


def need_train() -> None:
    """Say what to install where the training half's libraries are missing.

    Raises:
        UserError: if torch or open_clip can't be found.
    """
    from nastdata.extras import need_extra

    need_extra("train", "this command")
