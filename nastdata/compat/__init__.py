"""Modules of version 0.1 are still found under their old names (``moved.tsv``), with a warning.

In: the name of a module that is no longer there.
Out: the module that took its place.
May import: nothing.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = "nastdata."


@cache
def read_moves() -> dict[str, str]:
    """Return old module name -> its name today, both whole."""
    lines = Path(__file__).with_name("moved.tsv").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("\t") for line in lines if line and not line.startswith("#"))
    return {PACKAGE + old: PACKAGE + new for old, new in pairs}


class MovedFinder(MetaPathFinder):
    """Asked last: for names that no file has."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a spec for an old module, or for an old folder of such; None for anything else."""
        if not fullname.startswith(PACKAGE):
            return None
        moves = read_moves()
        if fullname in moves:
            return ModuleSpec(fullname, MovedLoader(moves[fullname]))
        if any(old.startswith(fullname + ".") for old in moves):
            return ModuleSpec(fullname, FolderLoader(), is_package=True)
        return None


class MovedFolder(ModuleType):
    """A folder of old modules; where a function has its name today, such as ``train``, it can be called."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function of today."""
        package, _, name = self.__name__.rpartition(".")
        lazy = import_module(package).LAZY
        if name not in lazy:
            raise TypeError(f"'{self.__name__}' is a module and can't be called")
        return getattr(import_module(lazy[name]), name)(*args, **kwargs)


class FolderLoader(Loader):
    """Makes an empty package for an old folder."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the package."""
        return MovedFolder(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is in it."""


class MovedLoader(Loader):
    """Gives the module that took the place of an old one."""

    def __init__(self, new: str) -> None:
        self.new = new
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Import the module of today and warn."""
        warnings.warn(f"{spec.name} is now {self.new}", DeprecationWarning, stacklevel=2)
        module = import_module(self.new)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is run again; the module keeps its own spec."""
        module.__spec__ = self._spec


def find_moved_modules() -> None:
    """Have Python ask for old names, once."""
    if not any(isinstance(f, MovedFinder) for f in sys.meta_path):
        sys.meta_path.append(MovedFinder())
