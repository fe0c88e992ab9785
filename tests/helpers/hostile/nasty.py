"""What an attacker would write: texts, numbers, values, YAML documents, archives."""

from __future__ import annotations

import gzip
import io
import tarfile
from typing import Any

from hostile.bombs import gzip_bomb, zip_bomb

DEEP = 3_000
TEXTS: tuple[str, ...] = (
    "",
    " ",
    "\t",
    "\u00a0",
    "nan",
    "None",
    "null",
    "true",
    "-",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "+1",
    "../../../../etc/passwd",
    "/etc/passwd",
    "..\\..\\windows\\system32",
    "C:\\Windows\\x.png",
    "file:///etc/passwd",
    "http://127.0.0.1:1/x.png",
    "~/.ssh/id_rsa",
    "$HOME/${PATH}/$(id)",
    "`id`; rm -rf /tmp/none",
    "%s%s%n%x",
    "{0.__class__}",
    "{{ 7 * 7 }}{% for x in [] %}",
    "{image.__class__.__mro__}",
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    '"><svg/onload=alert(1)>',
    "javascript:alert(1)",
    "[x](javascript:alert(1))",
    "\x1b[2J\x1b[31mred\x1b]0;title\x07",
    "\u202egnp.exe\u202c",
    "a\u200bb\ufeffc",
    "zero\x00byte",
    "line\nbreak\r\nand\rmore",
    "\u2028\u2029\x85",
    "\ud800",
    "\udfff half",
    "e\u0301" * 40,
    "\u0130\u0131\u1e9e\ufb01",
    "\U0001f9d1\u200d\U0001f33e" * 5,
    "\u0627" * 50,
    "A" * 5_000,
    "no " * 2_000,
    "(" * 2_000,
    "[" * DEEP,
    "{" * DEEP,
    "'" * 501,
    '"' * 501,
    ",".join("no" for _ in range(800)),
    "no evidence of " * 400 + "pneumothorax.",
    "[['a'" + ", ['a'" * 400,
    "__import__('os').system('id')",
    "!!python/object/apply:os.system ['id']",
    "&a [*a]",
    "9" * 400,
    "1e999",
    "-0",
    "0x7f",
    "٣",
    "²",
    "1_000",
    "1,5",
    "s" + "/../" * 60,
    "a" * 300 + "/b.png",
    ".",
    "..",
    "-o",
    "--out",
    "CON",
    "\ufffe\uffff",
    "\x7f\x80\x9f",
)
NUMBERS: tuple[str, ...] = (
    *("0", "1", "-1", "2", "1.0", "0.5", "-0.0", "nan", "inf", "-inf", "1e308", "1e-320", "1e400"),
    *(
        str(2**31),
        str(2**63),
        str(-(2**63) - 1),
        "9" * 60,
        "9" * 5000,
        "0" * 40,
        "1e5",
        "+1",
        " 1 ",
        "1.",
        ".5",
    ),
)


def _deep(depth: int, *, of: str) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value] if of == "list" else {"a": value}
    return value


VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 7, 10**9, 2**31, 2**63, -(2**63) - 1, 10**40, 0.5, -0.0, 1e308, 1e-320),
    *(
        float("nan"),
        float("inf"),
        float("-inf"),
        [],
        {},
        "",
        [None],
        [[]],
        {"": ""},
        {"a": None},
        [1, "a", None],
    ),
    *([0] * 300, ["x"] * 300, {str(i): i for i in range(200)}, _deep(80, of="list"), _deep(80, of="dict")),
    *TEXTS,
)


def yaml_attacks() -> dict[str, str]:
    """Return YAML documents that attack their reader, by name."""
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    for i in range(1, 10):
        bomb += f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n"
    merge = "m0: &m0 {k0: x, l0: x}\n" + "".join(
        f"m{i}: &m{i}\n  <<: [{', '.join([f'*m{i - 1}'] * 9)}]\n  k{i}: x\n" for i in range(1, 9)
    )
    return {
        "alias bomb": bomb,
        "merge bomb": merge,
        "recursive alias": "recipe: mednega\nsource: &a [*a]\n",
        "recursive mapping": "&a\nrecipe: *a\nname: *a\n",
        "deep flow": "a: " + "[" * 5_000 + "]" * 5_000,
        "deep mapping": "a: " + "{a: " * 3_000 + "}" * 3_000,
        "deep block": "".join(f"{' ' * i}a:\n" for i in range(900)),
        "deep sequence": "- " * 3_000 + "x",
        "python object": "recipe: !!python/object/apply:os.system ['touch out/hacked']\n",
        "python name": "name: !!python/name:os.system\n",
        "python module": "name: !!python/module:os\n",
        "unknown tag": "recipe: !include /etc/passwd\n",
        "huge int": f"seed: {'9' * 5_000}\nrecipe: mednega\nname: {'9' * 5_000}\n",
        "huge sexagesimal": "recipe: mednega\nseed: " + ":".join(["59"] * 3_000) + "\n",
        "nan": "recipe: mednega\nseed: .nan\nlimit: .inf\nname: .nan\n",
        "binary": "recipe: !!binary aGVsbG8=\nname: !!binary aGVsbG8=\n",
        "set": "recipe: !!set {mednega}\nname: !!set {a, b}\n",
        "timestamp": "recipe: 2020-01-01\nname: 2020-01-01 00:00:00\n",
        "bad timestamp": "recipe: mednega\nseed: 2020-99-99\nname: 2020-99-99\n",
        "pairs": "recipe: !!pairs [a: 1]\nname: !!omap [a: 1]\n",
        "unhashable key": "? [a, b]\n: c\nrecipe: mednega\n",
        "mapping key": "? {a: b}\n: c\nname: x\n",
        "two documents": "recipe: mednega\n---\nrecipe: contextual\n",
        "none": "",
        "only a comment": "# nothing\n",
        "a list": "- a\n- b\n",
        "a word": "mednega\n",
        "nul": "recipe: mednega\0\n",
        "escape": 'recipe: "\\x1b[2J\\u202e"\nname: "\\x1b[2J\\u202e"\n',
        "surrogate": 'recipe: "\\ud800"\nname: "\\ud800"\n',
        "tab": "recipe:\tmednega\n\tname: x\n",
        "long key": f"{'k' * 5_000}: x\nrecipe: mednega\nname: x\n",
        "many keys": "recipe: mednega\n" + "".join(f"k{i}: {i}\n" for i in range(3_000)),
        "anchors": "".join(f"k{i}: &a{i} x\n" for i in range(3_000)),
        "directive": "%YAML 9.9\n---\nrecipe: mednega\n",
        "utf-16": "recipe: mednega\n".encode("utf-16").decode("latin-1"),
    }


def json_attacks() -> dict[str, bytes]:
    """Return JSON documents that attack their reader, by name."""
    return {
        "deep list": b"[" * 100_000,
        "deep closed list": b"[" * 20_000 + b"]" * 20_000,
        "deep object": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
        "huge int": b'{"nastdata": ' + b"9" * 6_000 + b"}",
        "huge float": b'{"nastdata": 1e99999, "format": -1e99999}',
        "nan": b'{"nastdata": NaN, "rows": Infinity}',
        "two keys": b'{"nastdata": "1", "nastdata": []}',
        "lone surrogate": b'{"nastdata": "\\ud800", "\\udfff": 1}',
        "nul": b'{"nastdata": "a\\u0000b"}',
        "raw nul": b'{"nastdata": "a\0b"}',
        "utf-16": '{"nastdata": "1"}'.encode("utf-16"),
        "latin-1": b'{"nastdata": "\xe9"}',
        "a number": b"7",
        "a string": b'"x"',
        "null": b"null",
        "nothing": b"",
        "trailing": b'{"nastdata": "1"} {"a": 1}',
        "escape": b'{"nastdata": "\\u001b[2J\\u202e"}',
        "long string": b'{"nastdata": "' + b"x" * 1_000_000 + b'"}',
        "many keys": b'{"nastdata": "1"' + b"".join(b', "k%d": %d' % (i, i) for i in range(50_000)) + b"}",
    }


def archive_attacks() -> dict[str, bytes]:
    """Return archives that attack who unpacks them, by name."""
    found = {"gzip bomb": gzip_bomb(), "zip bomb": zip_bomb(), "gzip of gzip": gzip.compress(gzip_bomb(), 1)}
    for what, (kind, name, link) in {
        "absolute path": (tarfile.REGTYPE, "/tmp/hacked.xml", ""),
        "parent path": (tarfile.REGTYPE, "../../hacked.xml", ""),
        "link": (tarfile.SYMTYPE, "1.xml", "/etc/passwd"),
        "hard link": (tarfile.LNKTYPE, "1.xml", "../../etc/passwd"),
        "device": (tarfile.CHRTYPE, "1.xml", ""),
        "fifo": (tarfile.FIFOTYPE, "1.xml", ""),
    }.items():
        held = io.BytesIO()
        with tarfile.open(fileobj=held, mode="w:gz") as archive:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            archive.addfile(info, io.BytesIO(b""))
        found[f"tar with a {what}"] = held.getvalue()
    return found
