"""Finds adapters by name: sources, exports, encoders, writers and designs, ours and other packages'.

An adapter is an entry point of a package (``docs/architecture.md``). A group is one of ``GROUPS``; a name is
what users write, such as ``--source chexpert``; the value is ``module:object``. The built-in adapters are
entry points of this package, listed in its ``pyproject.toml`` as any other package lists its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution, entry_points
from pathlib import Path
from typing import Any

from nastdata.errors import UserError, name_nearest

OURS = "nastdata"
GROUPS = {
    "nastdata.sources": "source",
    "nastdata.exports": "export format",
    "nastdata.models": "kind of model",
    "nastdata.writers": "writer",
    "nastdata.designs": "design",
    "nastdata.recipes": "kind of recipe",
}
"""Group of entry points -> what its members are called in messages."""


@dataclass(frozen=True)
class Adapter:
    """One adapter that is installed, not imported yet."""

    group: str
    name: str
    entry: EntryPoint
    package: str
    version: str

    @property
    def built_in(self) -> bool:
        """Whether it is this package's own."""
        return self.package == OURS

    def load(self) -> Any:
        """Import and return the object.

        Raises:
            UserError: if another package's adapter fails to import, whatever it raises.
        """
        if self.built_in:
            return self.entry.load()
        try:
            return self.entry.load()
        except Exception as e:
            raise UserError(
                f"the plug-in '{self.name}' of {self.package} {self.version} fails to import: "
                f"{type(e).__name__}: {str(e).splitlines()[0] if str(e) else 'no reason given'}",
                where=self.entry.value,
                how=f"update {self.package}, or remove it: pip uninstall {self.package}",
            ) from e


@cache
def list_adapters(group: str) -> dict[str, Adapter]:
    """Return the adapters of a group by name, the built-in ones first.

    A plug-in can't replace a built-in adapter, nor one of a package whose name comes before its own;
    ``list_hidden`` says which are left out.
    """
    return _find(group)[0]


def list_hidden(group: str) -> list[Adapter]:
    """Return plug-ins that are not used since their name is taken."""
    return _find(group)[1]


def get_adapter(group: str, name: str) -> Any:
    """Import and return an adapter.

    Raises:
        UserError: if there is none of that name (names the nearest), or it fails to import.
    """
    adapters = list_adapters(group)
    if name not in adapters:
        raise UserError(f"no such {GROUPS[group]}", where=name, how=name_nearest(name, adapters))
    return adapters[name].load()


def load_all(group: str, warn: Callable[[str], None]) -> dict[str, Any]:
    """Import every adapter of a group; ``warn`` gets one line for each plug-in that fails or is hidden."""
    loaded = {}
    for name, adapter in list_adapters(group).items():
        try:
            loaded[name] = adapter.load()
        except UserError as e:
            warn(str(e).splitlines()[0])
    for hidden in list_hidden(group):
        warn(
            f"the plug-in '{hidden.name}' of {hidden.package} {hidden.version} is not used: "
            f"another {GROUPS[group]} has that name"
        )
    return loaded


@cache
def _find(group: str) -> tuple[dict[str, Adapter], list[Adapter]]:
    found = {e.name: Adapter(group, e.name, e, OURS, "") for e in _list_own(group)}
    hidden = []
    others = [
        Adapter(group, e.name, e, e.dist.name, e.dist.version)
        for e in entry_points(group=group)
        if e.dist is not None and e.dist.name != OURS
    ]
    for adapter in sorted(others, key=lambda a: (a.package, a.name)):
        if adapter.name in found:
            if found[adapter.name].entry != adapter.entry:
                hidden.append(adapter)
        else:
            found[adapter.name] = adapter
    return found, hidden


def _list_own(group: str) -> list[EntryPoint]:
    """Return this package's entry points: of the checkout where it runs from one, else of the installation.

    An editable installation keeps the entry points of the day it was made.
    """
    project = Path(__file__).resolve().parents[1] / "pyproject.toml"
    if project.is_file():
        import tomllib

        about = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {})
        if about.get("name") == OURS:
            return [EntryPoint(k, v, group) for k, v in about.get("entry-points", {}).get(group, {}).items()]
    try:
        return list(distribution(OURS).entry_points.select(group=group))
    except PackageNotFoundError:
        return []
