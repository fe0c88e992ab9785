"""``nastdata cache``: answers of language models, computed results, and how to forget them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nastdata.llm.cache import AnswerCache

FILE = click.option(
    "--cache", "path", type=click.Path(path_type=Path), help="Cache file, if it is not the usual one."
)
COMPUTED = click.option("--computed", is_flag=True, help="Of results that can be computed again.")


@click.group("cache", short_help="List, explain or clear what is kept on this machine.")
def command() -> None:
    """List, explain or clear what is kept on this machine: answers of language models, computed results.

    \b
    nastdata cache list
    nastdata cache show
    nastdata cache clear --unusable
    nastdata cache clear --computed
    """


@command.command("list")
@FILE
@COMPUTED
@click.option("--json", "as_json", is_flag=True, help="Print JSON only.")
def list_answers(path: Path | None, computed: bool, as_json: bool) -> None:
    """Count the answers by server, model and outcome, and the computed results by kind.

    Answers are used again only for the same question to the same model at the same address. Unusable ones
    (blank, cut off, not JSON, refused) are kept apart. With --json: the answers; with --json --computed: the
    computed results.
    """
    import json

    if computed:
        _list_computed(as_json)
        return
    store = _open(path)
    if store is None:
        click.echo("[]" if as_json else _tell_none(path))
        if not as_json:
            _list_computed(False)
        return
    rows = store.count()
    if as_json:
        keys = ("endpoint", "model", "outcome", "answers")
        click.echo(json.dumps([dict(zip(keys, row, strict=True)) for row in rows], indent=1))
        return
    click.echo(f"{store.path} ({store.path.stat().st_size / 1e6:.1f} MB)")
    for endpoint, model, outcome, n in rows:
        click.echo(f"  {n:>9,}  {outcome:<10} {model}  {endpoint or 'on this machine, or of a bundle'}")
    if not rows:
        click.echo("  no answers")
    _list_computed(False)


@command.command("show")
@FILE
@click.option("-n", "count", default=5, show_default=True, help="How many.")
def show(path: Path | None, count: int) -> None:
    """Show unusable answers with what was asked."""
    store = _open(path)
    if store is None:
        click.echo(_tell_none(path))
        return
    found = store.list_unusable(count)
    for u in found:
        again = "counts as asked" if u.counts else "will be asked again"
        click.echo(f"{u.answer.outcome}, {again}: {u.model} {u.endpoint}")
        click.echo("  asked:    " + " ".join(u.question.split())[:400])
        click.echo("  answered: " + (repr((u.answer.raw or u.answer.text)[:400]) or "nothing"))
    if not found:
        click.echo("no unusable answers")


@command.command("clear")
@FILE
@click.option("--unusable", is_flag=True, help="Delete unusable answers only.")
@click.option("--endpoint", help="Delete answers of this server only (see `nastdata cache list`).")
@COMPUTED
@click.option("--yes", is_flag=True, help="Do not ask.")
def clear(path: Path | None, unusable: bool, endpoint: str | None, computed: bool, yes: bool) -> None:
    """Delete answers for good: what was paid for will have to be paid for again.

    With --computed only computed results are deleted; the next build makes them again.
    """
    if computed:
        _clear_computed(unusable or endpoint is not None or path is not None)
        return
    store = _open(path)
    if store is None:
        from nastdata.errors import UserError

        raise UserError(_tell_none(path), how="they come with --realizer openai")
    what = "unusable answers" if unusable else "all answers"
    where = f" of {endpoint}" if endpoint else ""
    if not yes:
        click.confirm(f"Delete {what}{where} in {store.path}?", abort=True)
    n = store.clear(endpoint=endpoint, only_unusable=unusable)
    click.echo(f"deleted: {n:,} {'answer' if n == 1 else 'answers'}")


def _list_computed(as_json: bool) -> None:
    """Count the computed results by kind."""
    import json

    from nastdata.computed.store import OFF, VARIABLE, find_folder, list_entries

    kinds: dict[str, list[int]] = {}
    for entry in list_entries():
        kinds.setdefault(entry.name, []).append(entry.size)
    if as_json:
        rows = [{"kind": k, "results": len(sizes), "bytes": sum(sizes)} for k, sizes in kinds.items()]
        click.echo(json.dumps(rows, indent=1))
        return
    folder = find_folder()
    if folder is None:
        click.echo(f"no computed results are kept ({VARIABLE}={OFF})")
        return
    if not kinds:
        click.echo(f"no computed results are kept yet ({folder})")
        return
    click.echo(f"{folder} ({sum(map(sum, kinds.values())) / 1e6:.1f} MB), computed again when it is missing")
    for kind, sizes in kinds.items():
        click.echo(f"  {len(sizes):>9,}  {kind}")


def _clear_computed(with_others: bool) -> None:
    from nastdata.computed.store import clear_entries, find_folder
    from nastdata.errors import UserError

    if with_others:
        raise UserError(
            "--computed is about results, the other options about answers", how="give one or the other"
        )
    gone = clear_entries()
    n = len(gone)
    click.echo(
        f"deleted: {n:,} computed {'result' if n == 1 else 'results'} ({find_folder() or 'none kept'})"
    )


def _open(path: Path | None) -> AnswerCache | None:
    """Open the cache; None where there is none yet."""
    from nastdata.llm.cache import AnswerCache, find_cache

    place = find_cache(path)
    return AnswerCache(place) if place.is_file() else None


def _tell_none(path: Path | None) -> str:
    from nastdata.llm.cache import find_cache

    return f"no answers are kept yet ({find_cache(path)})"
