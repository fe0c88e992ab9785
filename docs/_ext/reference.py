"""Writes the reference pages from the code: what they say is what the program does.

Used by ``conf.py`` at every build; nothing that is written here is kept in the repository.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin

import click
import yaml
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "nastdata"
MADE = "<!-- made from the code by docs/_ext/reference.py: change the code, not this page -->\n\n"


def write_all(folder: Path) -> list[Path]:
    """Write every page into a folder; return them."""
    pages = {
        "commands": write_commands(),
        "recipes": write_recipes(),
        "source-yaml": write_source_yaml(),
        "ontology-keys": write_ontology_keys(),
        "columns": write_columns(),
        "corpora": write_corpora(),
        "formats": write_formats(),
        "checks": write_checks(),
        "extras": write_extras(),
        "messages": write_messages(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    out = []
    for name, text in pages.items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != MADE + text:
            path.write_text(MADE + text, encoding="utf-8")
        out.append(path)
    return out


def write_commands() -> str:
    """Every command with its arguments and options, as ``--help`` has them."""
    from nastdata.cli import COMMANDS, cli

    parts = [
        "# Commands\n\nEvery command takes `--help`, `--quiet` (warnings and results only) and `--verbose` (each step "
        "with its time). Results go to stdout, messages to stderr. Exit codes: {doc}`exit-codes`.\n",
        "| command | does |\n|---|---|",
        *(f"| [`nastdata {name}`](#nastdata-{name}) | {text} |" for name, (_, text) in COMMANDS.items()),
        "",
    ]
    context = click.Context(cli, info_name="nastdata")
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        parts += list(_write_command(command, f"nastdata {name}", 2))
    return "\n".join(parts) + "\n"


def _write_command(command: click.Command, path: str, level: int) -> Iterator[str]:
    context = click.Context(command, info_name=path)
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"({path.replace(' ', '-')})=\n{'#' * level} {path}\n"
    yield f"```text\n{path} {usage}\n```\n"
    yield _write_help(command.help or "")
    rows = []
    for parameter in command.params:
        if not isinstance(parameter, click.Option) or (parameter.name or "").startswith("manner_"):
            continue
        record = parameter.get_help_record(context)
        if record is not None:
            rows.append(f"| {_code(record[0])} | {_cell(record[1])} |")
    if rows:
        yield "| option | meaning |\n|---|---|\n" + "\n".join(rows) + "\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _write_command(inner, f"{path} {name}", min(level + 1, 4))


def _write_help(text: str) -> str:
    r"""Paragraphs as they are; those marked with \b as code."""
    out = []
    for part in inspect.cleandoc(text).split("\n\n"):
        if part.startswith("\b"):
            out.append("```bash\n" + textwrap.dedent(part.removeprefix("\b\n")).strip() + "\n```")
        else:
            out.append(_escape(" ".join(part.split())))
    return "\n\n".join(out) + "\n"


def write_recipes() -> str:
    """Every key of every kind of recipe, with its type, default and meaning."""
    from nastdata.recipe import GROUP, BuildRecipe, list_builtin
    from nastdata.registry import list_adapters

    parts = [
        "# Recipe keys\n\n"
        "For example, eight wordings of each statement and a seed of your own:\n\n"
        "```bash\nnastdata build mednega --set writer.wordings=8 --set seed=7\n```\n\n"
        "A recipe is a YAML file; `nastdata recipes copy mednega mine.yaml` gives you one to change. On the command "
        'line `--set key.path=value` changes a key, in Python `nastdata.build("mednega", writer={"wordings": 8})`. '
        "Unknown keys are refused, with the nearest known one.\n",
        "| recipe | makes |\n|---|---|",
    ]
    for path in list_builtin():
        first = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        parts.append(f"| `{path.stem}` | {_escape(first)} |")
    common = set(BuildRecipe.model_fields)
    parts.append(
        "\n## Keys of every dataset recipe\n\n" + _write_keys(BuildRecipe, "recipe", skip={"recipe"})
    )
    for kind, adapter in list_adapters(GROUP).items():
        if not adapter.built_in:
            continue
        model = adapter.load()
        skip = {"recipe"} | (common if issubclass(model, BuildRecipe) else set())
        parts.append(
            f"\n## `{kind}`\n\n{_escape(_first(model))}\n\n" + _write_keys(model, "recipe", skip=skip)
        )
    return "\n".join(parts) + "\n"


def write_source_yaml() -> str:
    """Every key of the description of an own table."""
    from nastdata.sources.own.label_settings import Box, ColumnLabels, ListLabels, RowLabels, Target
    from nastdata.sources.own.settings import Key, OwnSettings, Reports

    parts = [
        "# Keys of a source description\n\n"
        "`nastdata sources new labels.csv -o mydata.yaml` writes a description to start from; "
        "[Your own labels](../own-data.md) explains it with examples. Unknown keys are refused.\n",
        "## The file\n\n" + _write_keys(OwnSettings, "source", leaves=(Key, Reports)),
        "## `columns`: where an id is\n\nA column's name, or:\n\n" + _write_keys(Key, "source"),
        "## `labels`\n",
    ]
    for model, name in ((ColumnLabels, "columns"), (ListLabels, "list"), (RowLabels, "rows`, `boxes")):
        parts.append(
            f"### `layout: {name}`\n\n{_escape(_first(model))}\n\n"
            + _write_keys(model, "source", leaves=(Target, Box))
        )
    parts.append("### What a label means\n\n" + _write_keys(Target, "source"))
    parts.append("### Boxes\n\n" + _write_keys(Box, "source"))
    parts.append("## `reports`\n\n" + _write_keys(Reports, "source"))
    return "\n".join(parts) + "\n"


def write_ontology_keys() -> str:
    """Every key of an ontology file."""
    from nastdata.ontology import Ontology
    from nastdata.ontology import model as module

    parts = [
        "# Keys of an ontology\n\n"
        "`nastdata ontology new mine.yaml` writes a file to start from; [Ontologies](../ontology.md) explains it.\n",
        "## The file\n\n" + _write_own_keys(Ontology),
    ]
    for name, part in inspect.getmembers(module, inspect.isclass):
        if issubclass(part, BaseModel) and part.__module__ == module.__name__ and not name.startswith("_"):
            if part is not Ontology and part.model_fields:
                parts.append(f"## {name}\n\n{_escape(_first(part))}\n\n" + _write_own_keys(part))
    return "\n".join(parts) + "\n"


def write_columns() -> str:
    """Every column of every config, with its type."""
    from nastdata.frames import REJECTS_SCHEMA, config_schema
    from nastdata.records import COLUMN_ORDER
    from nastdata.report.columns import COLUMN_NOTES, CONFIG_NOTES

    parts = [
        "# Columns\n\nA dataset holds one or several *configs*, each a table. `nastdata.load(DIR, CONFIG)` loads one. "
        "All have the splits `train`, `validation` and `test`; no patient is in two of them.\n"
    ]
    for config in COLUMN_ORDER:
        schema = config_schema(config)
        rows = [
            f"| `{c}` | {_escape(str(schema[c]))} | {_escape(COLUMN_NOTES.get(c, ''))} |"
            for c in COLUMN_ORDER[config]
        ]
        parts.append(
            f"## `{config}`\n\n{_escape(CONFIG_NOTES[config])}\n\n| column | type | meaning |\n|---|---|---|\n"
            + "\n".join(rows)
            + "\n"
        )
    rows = [f"| `{name}` | {_escape(str(kind))} |" for name, kind in REJECTS_SCHEMA.items()]
    parts.append(
        "## `rejects.parquet`\n\nWhat was left out, a row each.\n\n| column | type |\n|---|---|\n"
        + "\n".join(rows)
    )
    return "\n".join(parts) + "\n"


def write_corpora() -> str:
    """Which corpus fits which recipe, and what each allows."""
    from nastdata.sources import get_source, list_sources

    publish = {"yes": "anywhere", "private": "private repositories", "no": "no"}
    rows, needs = [], []
    for name in list_sources():
        s = get_source(name)
        rows.append(
            f"| [`{name}`](#corpus-{name}) | {_escape(s.title)} | {'yes' if s.has_reports else ''} "
            f"| {', '.join(s.views)} | {publish.get(s.terms.may_publish, s.terms.may_publish)} "
            f"| {'yes' if s.terms.may_leave_machine else 'no'} |"
        )
        listed = "\n".join(f"- {_escape(n)}" for n in s.needs) or "- nothing"
        needs.append(
            f"(corpus-{name})=\n### `{name}`\n\n{_escape(s.title)}. Licence: {_escape(s.terms.licence)}.\n\n{listed}\n"
        )
    table = "| source | corpus | facts from reports | views | may be published | may go to a service |\n|---|---|---|---|---|---|\n"
    return (
        "# Corpora\n\nWhat can be built from which corpus is in {doc}`../which-corpus`; what was found on your "
        "machine is printed by `nastdata sources`.\n\n"
        + table
        + "\n".join(rows)
        + "\n\n## What each needs\n\n"
        + "\n".join(needs)
    )


def write_formats() -> str:
    """Every export format."""
    from nastdata.exports import GROUP
    from nastdata.registry import list_adapters

    rows = []
    for name, adapter in list_adapters(GROUP).items():
        if adapter.built_in:
            e = adapter.load()
            rows.append(f"| `{name}` | {_escape(e.reads)} | {_escape(e.needs)} | {', '.join(e.splits)} |")
    head = "| format | read by | made from | usual splits |\n|---|---|---|---|\n"
    return (
        "# Export formats\n\n```bash\nnastdata export nast-mednega-phantom --format negbench --out for-negbench\n```\n\n"
        "[Exports](../exports.md) explains each.\n\n" + head + "\n".join(rows) + "\n"
    )


def write_checks() -> str:
    """Every rule of ``nastdata validate``."""
    from nastdata.checks.verdicts import RULES

    rows = "\n".join(f"| `{rule}` | {_escape(text)} |" for rule, text in RULES.items())
    return (
        "# Rules of `nastdata validate`\n\nA verdict is passed, warned, failed or skipped; one failed rule makes exit "
        "code 1.\n\n| rule | what has to hold |\n|---|---|\n" + rows + "\n"
    )


def write_extras() -> str:
    """Every extra, and what it is for."""
    import tomllib

    from nastdata.extras import EXTRAS

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    rows = []
    for name, extra in EXTRAS.items():
        packages = ", ".join(
            _code(re.split(r"[<>=!\[;]", p)[0]) for p in project["optional-dependencies"][name]
        )
        rows.append(f"| `{name}` | {_escape(extra.use)} | {packages} |")
    return (
        "# Extras\n\nThe base install builds, checks, reports and exports. What needs a bigger library is an extra:\n\n"
        "```bash\npip install 'nastdata[train]'\npip install 'nastdata[llm,dicom]'\n```\n\n"
        "`nastdata doctor` shows what is missing; a command that needs an extra names it.\n\n"
        "| extra | for | brings |\n|---|---|---|\n"
        + "\n".join(rows)
        + "\n\n`all` installs every one but `llamacpp`, "
        "which is compiled from source.\n"
    )


def write_messages() -> str:
    """Every message that a user may get, from the code that raises it."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        area = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            if node.func.id not in ("UserError", "NothingMadeError") or not node.args:
                continue
            what = _read_text(node.args[0])
            how = next((_read_remedy(k.value) for k in node.keywords if k.arg == "how"), None)
            if what:
                found.setdefault(area, {}).setdefault(what, how or "")
    parts = [
        "# Messages\n\nEvery error that is meant for you is one or two lines: where and what, then what to do. `…` is in place of "
        "names and numbers of yours. Search this page for a few words of the message; the commonest ones are "
        "explained in the {doc}`../faq`.\n"
    ]
    for area, messages in sorted(found.items()):
        rows = [f"| {_escape(w)} | {_escape(h)} |" for w, h in sorted(messages.items())]
        parts.append(f"## {area}\n\n| message | what to do |\n|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def _read_text(node: ast.expr) -> str | None:
    """A text with ``…`` for what is filled in; None if it is not written in place."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(v.value) if isinstance(v, ast.Constant) else "…" for v in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return (_read_text(node.left) or "…") + (_read_text(node.right) or "…")
    if isinstance(node, ast.IfExp):
        return _read_text(node.body) or _read_text(node.orelse)
    return None


def _write_keys(
    model: type[BaseModel],
    area: str,
    *,
    skip: set[str] = frozenset(),
    leaves: tuple[type, ...] = (),  # type: ignore[assignment]
) -> str:
    rows = list(_list_keys(model, "", area, skip, leaves))
    return "| key | value | default | meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"


def _write_own_keys(model: type[BaseModel]) -> str:
    docs = read_attribute_docs(model)
    rows = [
        _row(f.alias or n, f, docs.get(n) or _find_meaning("ontology", n))
        for n, f in model.model_fields.items()
    ]
    return "| key | value | default | meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"


def _list_keys(
    model: type[BaseModel], prefix: str, area: str, skip: set[str], leaves: tuple[type, ...]
) -> Iterator[str]:
    docs = read_attribute_docs(model)
    for name, field in model.model_fields.items():
        if name in skip:
            continue
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel) and inner not in leaves:
            yield from _list_keys(inner, f"{prefix}{name}.", area, set(), leaves)
        else:
            yield _row(prefix + name, field, docs.get(name) or _find_meaning(area, prefix + name))


@cache
def _read_meanings() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = yaml.safe_load(
        Path(__file__).with_name("meanings.yaml").read_text(encoding="utf-8")
    )
    return found


def _find_meaning(area: str, key: str) -> str:
    """The meaning of a key by its whole path, or by its end."""
    known = _read_meanings()[area]
    parts = key.split(".")
    ends = [".".join(parts[i:]) for i in range(len(parts))]
    return next((known[e] for e in ends if e in known), "")


def _row(key: str, field: Any, doc: str) -> str:
    if field.is_required():
        default = "*required*"
    elif field.default is PydanticUndefined:
        default = _code(str(field.default_factory()) if field.default_factory else "")
    else:
        default = _code(_show(field.default))
    return f"| `{key}` | {_cell(_say_type(field))} | {default} | {_cell(doc)} |"


def _say_type(field: Any) -> str:
    bounds = []
    for m in field.metadata:
        for name, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<")):
            if getattr(m, name, None) is not None:
                bounds.append(f"{sign} {getattr(m, name):g}")
    text = _name_type(field.annotation)
    return text + (f", {', '.join(bounds)}" if bounds else "")


def _name_type(kind: Any) -> str:
    origin, args = get_origin(kind), get_args(kind)
    if kind is type(None):
        return "null"
    if origin is None:
        named = {
            str: "text",
            int: "whole number",
            float: "number",
            bool: "true or false",
            Path: "path",
            Any: "any",
        }
        return named.get(kind, getattr(kind, "__name__", str(kind)))
    name = getattr(origin, "__name__", str(origin))
    if name == "Literal":
        return ", ".join(f"`{a}`" for a in args)
    if name == "Annotated":
        return _name_type(args[0])
    if name in ("Union", "UnionType"):
        return " or ".join(_name_type(a) for a in args)
    if origin in (tuple, list, set, frozenset):
        return "list of " + _name_type(next(a for a in args if a is not Ellipsis))
    if origin in (dict, Mapping):
        return f"mapping of {_name_type(args[0])} to {_name_type(args[1])}"
    return name


def _show(value: Any) -> str:
    if isinstance(value, BaseModel):
        return ""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(str, value)) + "]"
    return str(value)


def read_attribute_docs(model: type) -> dict[str, str]:
    """Return attribute -> the docstring below it, base classes included."""
    out: dict[str, str] = {}
    for cls in reversed(model.__mro__):
        if not cls.__module__.startswith("nastdata"):
            continue
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
        assert isinstance(tree, ast.ClassDef)
        for first, second in zip(tree.body, tree.body[1:], strict=False):
            if (
                isinstance(first, ast.AnnAssign)
                and isinstance(first.target, ast.Name)
                and isinstance(second, ast.Expr)
                and isinstance(second.value, ast.Constant)
                and isinstance(second.value.value, str)
            ):
                out[first.target.id] = " ".join(second.value.value.split())
    return out


def _first(model: type) -> str:
    return (inspect.getdoc(model) or "").split("\n\n")[0].replace("\n", " ")


def _code(text: str) -> str:
    return f"`{_cell(text)}`" if text else ""


def _cell(text: str) -> str:
    return " ".join(re.sub(r"``([^`]*)``", r"`\1`", text).split()).replace("|", "\\|")


def _escape(text: str) -> str:
    """Text that is shown as it is, in a cell or a paragraph; what is between backticks is code."""
    text = re.sub(r"``([^`]*)``", r"`\1`", text)
    pieces = re.split(r"(`[^`]*`)", " ".join(text.split()))
    shown = [p if p.startswith("`") else re.sub(r"([\\*_<>\[\]{}$#~])", r"\\\1", p) for p in pieces]
    return "".join(shown).replace("|", "\\|")


def _read_remedy(node: ast.expr) -> str | None:
    """A remedy as text; where the nearest name is looked up, that is said."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "name_nearest":
        return "the nearest known name is shown"
    return _read_text(node)
