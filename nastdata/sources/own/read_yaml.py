"""From a YAML file to settings: every problem at once, in words; and back, without local paths."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from nastdata.errors import UserError, name_nearest
from nastdata.sources.own.settings import OwnSettings
from nastdata.text_input.plain_files import open_file
from nastdata.text_input.yaml_files import check_numbers, measure

MOST_BYTES = 1_000_000
MOST_ALIASES = 10
"""Each may double what is read: a short file could fill the memory."""


class PlainLoader(yaml.SafeLoader):
    """YAML as people mean it here: no, on, 1.10, 1:30, 007 and dates are words; no key is there twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Refuse a key that is there twice: the first would be lost in silence."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be a word", key_node.start_mark
                )
            if key in seen:
                text = f"the key '{key}' is there twice"
                raise yaml.constructor.ConstructorError(None, None, text, key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def _keep_words() -> None:
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers.items()
    PlainLoader.yaml_implicit_resolvers = {
        first: [(tag, rule) for tag, rule in rules if tag.endswith(":null")] for first, rules in resolvers
    }
    truth = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
    number = re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$")
    PlainLoader.add_implicit_resolver("tag:yaml.org,2002:bool", truth, list("tTfF"))
    PlainLoader.add_implicit_resolver("tag:yaml.org,2002:int", number, list("-+0123456789"))


_keep_words()


def read_settings(path: Path) -> OwnSettings:
    """Read the description of an own table.

    Raises:
        UserError: if there is no such file, or with every problem in it, each with its key.
    """
    return check_settings(load_plain(path), str(path))


def load_plain(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds plain values only.

    Raises:
        UserError: if it is missing, no text, no YAML, holds Python tags or a key twice.
    """
    try:
        with open_file(path) as file:
            raw = file.read(MOST_BYTES + 1)
    except UserError as e:
        how = f"nastdata sources new YOUR_TABLE -o {path}" if not path.exists() else None
        raise UserError(e.what, where=e.where, how=how) from None
    except OSError as e:
        raise UserError(f"cannot be read ({e.strerror})", where=str(path)) from e
    if len(raw) > MOST_BYTES:
        raise UserError("too big for a description of a source: is it the data?", where=str(path))
    try:
        text = raw.decode("utf-8-sig")
        if sum(isinstance(e, yaml.AliasEvent) for e in yaml.parse(text, Loader=PlainLoader)) > MOST_ALIASES:
            raise UserError(
                f"more than {MOST_ALIASES} aliases (*name)", where=str(path), how="write them out"
            )
        measure(text, str(path), PlainLoader)
        data = yaml.load(text, Loader=PlainLoader)  # noqa: S506 - a safe loader
        check_numbers(data, str(path))
    except UnicodeDecodeError:
        raise UserError("not UTF-8 text", where=str(path), how="save it as UTF-8") from None
    except yaml.YAMLError as e:
        raise _tell_yaml(e, path) from None
    except RecursionError:
        raise UserError("nested too deep", where=str(path)) from None
    except (ValueError, TypeError) as e:
        raise UserError(f"holds a value that can't be read ({str(e)[:120]})", where=str(path)) from None
    if not isinstance(data, dict):
        raise UserError("holds no keys", where=str(path), how="see docs/own-data.md, or nastdata sources new")
    return data


def check_settings(data: dict[str, Any], where: str, more: Sequence[str] = ()) -> OwnSettings:
    """Check a description.

    Args:
        data: Its keys.
        where: Its file.
        more: Other problems that were found in it, to be said with those found here.

    Raises:
        UserError: with every problem, each with its key and, for an unknown key, the nearest known one.
    """
    try:
        return OwnSettings.model_validate(data)
    except ValidationError as e:
        lines: list[str] = []
        for error in e.errors():
            lines += _tell(error)
        lines = list(dict.fromkeys([*lines, *more]))
        count = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
        raise UserError(f"{count}: " + "; ".join(lines), where=where, how="see docs/own-data.md") from e


def list_conditions(data: Mapping[str, Any]) -> dict[str, str]:
    """Return the conditions that an unchecked description names, by place, as far as it can be read."""
    labels = data.get("labels")
    if not isinstance(labels, Mapping):
        return {}
    out = {"condition": labels.get("condition")}
    for part in (labels.get("columns"), labels.get("names")):
        if isinstance(part, Mapping):
            out |= {f"'{k}'": t.get("condition") if isinstance(t, Mapping) else t for k, t in part.items()}
    return {k: c for k, c in out.items() if isinstance(c, str) and c not in ("ignore", "nothing_found")}


def write_settings(settings: OwnSettings) -> bytes:
    """Return a description as YAML without local paths: names of files stay, folders go."""
    data = settings.model_dump(mode="json", exclude_defaults=True, exclude={"image_root", "ontology"})
    if settings.files:
        data["files"] = [_drop_folders(f) for f in settings.files]
    if settings.reports and settings.reports.folder:
        data["reports"]["folder"] = "."
    for key in data.get("columns", {}).values():
        if prefix := key.pop("remove_prefix", None):
            key["remove_folders"] = prefix.replace("\\", "/").rstrip("/").count("/") + 1
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=110).encode()


def _drop_folders(pattern: str) -> str:
    path = PurePosixPath(pattern.replace("\\", "/"))
    return pattern if not path.is_absolute() and ".." not in path.parts and ":" not in pattern else path.name


def _tell_yaml(e: yaml.YAMLError, path: Path) -> UserError:
    mark = getattr(e, "problem_mark", None)
    where = f"{path}, line {mark.line + 1}" if mark else str(path)
    problem = str(getattr(e, "problem", None) or e).splitlines()[0]
    if "python/" in problem or problem.startswith("could not determine a constructor"):
        tag = re.search(r"'(?:tag:yaml\.org,2002:)?([^']*)'", problem)
        name = f" (!!{tag.group(1).lstrip('!')})" if tag else ""
        return UserError(
            f"holds a tag{name} that would run code or make objects; nothing was run",
            where=where,
            how="a source file holds plain words, numbers and lists only: remove the tag",
        )
    return UserError(f"not readable YAML ({problem})", where=where)


def _tell(error: Any) -> list[str]:
    loc = [str(p) for p in error["loc"] if str(p) not in ("ColumnLabels", "ListLabels", "RowLabels")]
    if len(loc) > 1 and loc[0] == "labels" and loc[1] in ("columns", "list", "rows", "boxes"):
        loc = [loc[0], *loc[2:]]
    key = ".".join(loc)
    if error["type"] == "extra_forbidden":
        near = name_nearest(loc[-1], _keys_at(error["loc"][:-1]))
        return [f"unknown key '{key}' ({near})"]
    if error["type"] == "missing":
        return [f"'{key}' is missing"]
    if error["type"] == "union_tag_not_found":
        return [f"'{key}.layout' is missing (columns, list, rows or boxes)"]
    if error["type"] == "union_tag_invalid":
        given = error["ctx"]["tag"]
        return [f"{key}.layout: '{given}' is not known ({name_nearest(given, LAYOUTS)})"]
    if key == "name" and error["type"] == "string_pattern_mismatch":
        return [f"name: '{error['input']}' may hold letters, digits, dots and dashes only, without blanks"]
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "value_error":
        return [f"{key}: {line}" if key else line for line in message.splitlines()]
    given = f", not {str(error['input'])[:80]!r}" if not isinstance(error["input"], dict | list) else ""
    return [f"{key}: {message[0].lower()}{message[1:]}{given}" if key else message]


LAYOUTS = ("columns", "list", "rows", "boxes")


def _keys_at(loc: tuple[int | str, ...]) -> list[str]:
    """Return the keys that are known at a place, for the nearest one to be named."""
    models: list[type[BaseModel]] = [OwnSettings]
    for part in loc:
        inner: list[type[BaseModel]] = []
        for model in models:
            field = model.model_fields.get(str(part))
            inner += _models_in(field.annotation) if field else []
        models = inner or models
    short = {"columns": ["column"]} if any(m.__name__ == "Key" for m in models) else {}
    known = dict.fromkeys(k for m in models for k in (*m.model_fields, *short.get("columns", ())))
    return [k for k in known if k != "special"]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for a in get_args(annotation) for m in _models_in(a)]
