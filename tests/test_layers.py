"""The house rules of imports: folders are in one order, nothing imports upwards, no circle, none crowded.

Every import counts: at the top of a module, inside a function, and for type checkers only.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "nastdata"

ORDER = (
    # small modules that know nothing of the rest
    ("errors",),
    ("resources", "seeded", "terms", "offline", "compat"),
    ("computed", "statistics", "registry", "text_input", "extras", "progress"),
    ("ontology", "recipe"),
    ("records",),
    ("frames",),
    ("engines",),
    ("llm",),
    ("reading",),
    ("sources",),
    ("provenance",),
    ("images",),
    ("design",),
    ("writing",),
    ("assemble",),
    ("audit",),
    ("report",),
    ("dataset",),
    ("review", "compare"),
    ("exports",),
    ("checks",),
    ("publishing",),
    ("models",),
    ("tracing",),
    ("training",),
    ("evaluation",),
    ("stages",),
    ("pipeline",),
    ("api",),
    ("cli",),
)
"""Low to high: a part may import parts of lower lines only, and its own."""
CROWDED = 16
"""Modules of one folder (``__init__`` aside) from which on it wants sub-folders."""
FORBIDDEN = {"reading": {"writing", "design"}}
"""Said once more by name, since the reader's independence is what makes a round trip worth something."""

RANK = {part: rank for rank, parts in enumerate(ORDER) for part in parts}


def name_module(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_module(p): p for p in sorted(PACKAGE.rglob("*.py"))}


def list_imports(module: str) -> Iterator[str]:
    """Names of the package's modules that a module imports, wherever the import is."""
    path = MODULES[module]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] == "nastdata")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            if node.module and node.module.split(".")[0] == "nastdata":
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    yield inner if inner in MODULES else node.module


IMPORTS = {m: {i for i in list_imports(m) if i != m} for m in MODULES}


def part_of(module: str) -> str | None:
    """The folder or small module below the package; None for the package itself and ``__main__``."""
    parts = module.split(".")
    return None if len(parts) == 1 or parts[1] == "__main__" else parts[1]


def test_every_part_has_its_place_in_the_order() -> None:
    parts = {p for m in MODULES if (p := part_of(m))}
    assert parts - set(RANK) == set()


@pytest.mark.parametrize("part", sorted({p for m in MODULES if (p := part_of(m))}))
def test_nothing_imports_upwards(part: str) -> None:
    wrong = [
        f"{module} imports {target}"
        for module in MODULES
        if part_of(module) == part
        for target in sorted(IMPORTS[module])
        if (other := part_of(target)) and other != part and RANK[other] >= RANK[part]
    ]
    assert not wrong, "\n".join(wrong)


def test_the_reader_knows_nothing_of_the_writer() -> None:
    for part, others in FORBIDDEN.items():
        for module in MODULES:
            if part_of(module) == part:
                assert not {part_of(t) for t in IMPORTS[module]} & others, module


def test_no_circle_of_modules() -> None:
    """Depth-first search; a package's ``__init__`` counts where its names are imported from it."""
    done: set[str] = set()
    path: list[str] = []

    def visit(module: str) -> None:
        if module in path:
            raise AssertionError(" -> ".join([*path[path.index(module) :], module]))
        if module in done:
            return
        path.append(module)
        for target in sorted(IMPORTS[module]):
            if target in MODULES and target != "nastdata":
                visit(target)
        path.pop()
        done.add(module)

    for module in MODULES:
        if module != "nastdata":
            visit(module)


def test_no_folder_is_crowded() -> None:
    counts = {
        str(folder.relative_to(PACKAGE)): len([p for p in folder.glob("*.py") if p.name != "__init__.py"])
        for folder in (PACKAGE, *PACKAGE.rglob("*"))
        if folder.is_dir() and folder.name != "__pycache__"
    }
    assert {f: n for f, n in counts.items() if n >= CROWDED} == {}


def test_every_folder_says_what_comes_in_and_goes_out() -> None:
    for module, path in MODULES.items():
        if path.name == "__init__.py" and module.count(".") == 1:
            text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            for mark in ("In:", "Out:", "May import:"):
                assert mark in text, f"{module}: its docstring lacks '{mark}'"
