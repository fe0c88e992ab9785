"""A seeded mutator of bytes, tables, JSON and trees: it breaks things as accidents and as attackers do."""

from __future__ import annotations

import copy
import gzip
import io
import json
import random
import zipfile
from typing import Any

from hostile.nasty import NUMBERS, TEXTS, VALUES

SIZE = 1 << 20


class Mutator:
    """Draws everything from one seeded generator."""

    def __init__(self, seed: object) -> None:
        self.rng = random.Random(str(seed))

    def text(self) -> str:
        """Return a nasty text."""
        return self.rng.choice(TEXTS)

    def value(self) -> Any:
        """Return a nasty JSON value."""
        return copy.deepcopy(self.rng.choice(VALUES))

    def raw(self, data: bytes) -> bytes:
        """Damage bytes: flips, cuts, insertions, repeats."""
        r = self.rng
        raw = bytearray(data)
        for _ in range(r.choice((1, 1, 2, 4, 16))):
            if not raw:
                raw = bytearray(r.randbytes(8))
            at = r.randrange(len(raw))
            match r.randrange(8):
                case 0:
                    raw[at] ^= 1 << r.randrange(8)
                case 1:
                    raw[at] = r.choice((0, 255, 10, 13, 34, 44, 92, 127, 128))
                case 2:
                    del raw[at : at + r.choice((1, 2, 8, 64))]
                case 3:
                    raw[at:at] = r.randbytes(r.choice((1, 4, 32)))
                case 4:
                    del raw[at:]
                case 5:
                    raw[at:at] = self.text().encode("utf-8", "surrogatepass")
                case 6:
                    piece = raw[at : at + r.choice((4, 32, 256))]
                    raw[at:at] = piece * r.choice((1, 3, 50))
                case _:
                    other = r.randrange(len(raw))
                    raw[at], raw[other] = raw[other], raw[at]
        return bytes(raw[:SIZE])

    def table(self, data: bytes, separator: str = ",") -> bytes:
        """Damage a table with a header: cells, columns, rows."""
        r = self.rng
        lines = data.decode("utf-8", "replace").splitlines()
        if not lines:
            return self.raw(data)
        for _ in range(r.choice((1, 1, 2, 5))):
            at = r.randrange(len(lines))
            cells = lines[at].split(separator)
            cell = r.randrange(len(cells))
            match r.randrange(9):
                case 0 | 1 | 2:
                    new = self.text()
                    quote = any(c in new for c in f'"{separator}\n\r') and r.random() < 0.8
                    cells[cell] = '"' + new.replace('"', '""') + '"' if quote else new
                    lines[at] = separator.join(cells)
                case 3:
                    cells[cell] = r.choice(NUMBERS)
                    lines[at] = separator.join(cells)
                case 4:
                    lines[at] = separator.join([*cells[:cell], *cells[cell + 1 :]])
                case 5:
                    lines[at] = separator.join([*cells, self.text()])
                case 6:
                    other = r.randrange(len(lines))
                    lines[at], lines[other] = lines[other], lines[at]
                case 7:
                    lines[at:at] = [lines[at]] * r.choice((1, 2, 200))
                case _:
                    drop = r.randrange(len(lines[0].split(separator)))
                    lines = [_drop(x, drop, separator) for x in lines]
            if not lines:
                break
        return ("\n".join(lines) + "\n").encode("utf-8", "surrogatepass")[: 4 * SIZE]

    def json(self, data: Any) -> Any:
        """Return a copy of a JSON value with some of its nodes replaced, dropped, repeated or renamed."""
        whole = copy.deepcopy(data)
        for _ in range(self.rng.choice((1, 1, 2, 4))):
            whole = self._break_node(whole)
        return whole

    def json_bytes(self, data: bytes) -> bytes:
        """Damage a JSON text: its values, or its letters."""
        try:
            value = json.loads(data)
        except ValueError:
            return self.raw(data)
        if self.rng.random() < 0.3:
            return self.raw(data)
        text = json.dumps(self.json(value), ensure_ascii=self.rng.random() < 0.5)
        return text.encode("utf-8", "surrogatepass")

    def _break_node(self, whole: Any) -> Any:
        nodes: list[tuple[Any, Any]] = []
        _collect(whole, nodes)
        if not nodes:
            return self.value()
        holder, key = self.rng.choice(nodes)
        match self.rng.randrange(6):
            case 0 | 1 | 2:
                holder[key] = self.value()
            case 3:
                del holder[key]
            case 4:
                if isinstance(holder, dict):
                    holder[self.text()] = holder[key]
                else:
                    holder.extend([copy.deepcopy(holder[key])] * self.rng.choice((1, 3, 100)))
            case _:
                holder[key] = [copy.deepcopy(holder[key])] if self.rng.random() < 0.5 else {"a": holder[key]}
        return whole

    def wrap(self, data: bytes) -> bytes:
        """Pack, encode, or cut a file as people and attackers do."""
        match self.rng.randrange(9):
            case 0:
                return gzip.compress(data, 1, mtime=0)
            case 1:
                return gzip.compress(data, 1, mtime=0)[: max(4, len(data) // 2)]
            case 2:
                return data.decode("utf-8", "replace").encode("utf-16")
            case 3:
                return data.decode("utf-8", "replace").encode("latin-1", "replace")
            case 4:
                return b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n")
            case 5:
                return zip_of({self.rng.choice(("t.csv", "../../t.csv", "/etc/t.csv")): data})
            case 6:
                return zip_of({"a.csv": data, "b.csv": data})
            case 7:
                return data.replace(b"\n", b"\r")
            case _:
                return self.rng.choice(
                    (b"", b"\0" * 64, b"PK\x03\x04", b"\x1f\x8b", b"PAR1", b"\xff\xfe", data * 3)
                )


def zip_of(members: dict[str, bytes]) -> bytes:
    """Return a zip archive."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return held.getvalue()


def _collect(value: Any, nodes: list[tuple[Any, Any]]) -> None:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        nodes.append((value, key))
        _collect(inner, nodes)


def _drop(line: str, column: int, separator: str) -> str:
    cells = line.split(separator)
    return separator.join([*cells[:column], *cells[column + 1 :]])
