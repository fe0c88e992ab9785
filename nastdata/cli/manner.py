"""How every command speaks: ``--quiet``, ``--verbose``, and wrong use in one or two lines."""

from __future__ import annotations

from typing import Any

import click


def reset_manner() -> None:
    """Speak as usual: neither quiet nor verbose."""
    from nastdata.progress import MANNER

    MANNER.mute = MANNER.verbose = False


def add_manner(command: click.Command) -> click.Command:
    """Give a command, and the commands of a group, the options ``--quiet`` and ``--verbose``, once."""
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            add_manner(inner)
    if not any(p.name == "manner_quiet" for p in command.params):
        command.params += [
            _flag("quiet", "Print warnings and results only."),
            _flag("verbose", "Print when each step begins, and the time."),
        ]
    return command


def _flag(name: str, text: str) -> click.Option:
    return click.Option(
        [f"--{name}", f"manner_{name}"], is_flag=True, expose_value=False, help=text, callback=_note
    )


def _note(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    """Set how progress is reported, for this process."""
    if value:
        from nastdata.progress import MANNER

        if parameter.name == "manner_quiet":
            MANNER.mute = True
        else:
            MANNER.verbose = True


def explain_wrong_use(e: click.ClickException) -> str:
    """Return what click found wrong in one or two lines: what, where, and the nearest name."""
    message = e.format_message()
    how = _find_remedy(e)
    first, *rest = message.splitlines()
    first = first.rstrip(".") if first.count(".") == 1 else first
    tail = " ".join(line.strip() for line in rest)
    what = f"{first} {tail}".strip()
    what = f"{what[0].lower()}{what[1:]}"
    ctx: Any = getattr(e, "ctx", None)
    place = ctx.command_path if ctx is not None else "nastdata"
    where = place.removeprefix("nastdata").strip()
    return f"{where}: {what}\n{how or f'{place} --help shows the options'}".removeprefix(": ")


def _find_remedy(e: click.ClickException) -> str:
    """Return the nearest choice, where a value is none of a closed list."""
    from nastdata.errors import name_nearest

    parameter = getattr(e, "param", None)
    kind = getattr(parameter, "type", None)
    if isinstance(e, click.BadParameter) and isinstance(kind, click.Choice):
        given = e.message.partition("'")[2].partition("'")[0]
        return name_nearest(given, [str(c) for c in kind.choices])
    return ""
