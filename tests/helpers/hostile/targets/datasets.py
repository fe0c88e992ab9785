"""Folders of others: datasets, bundles, and the places that exports go to."""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import zlib
from pathlib import Path
from typing import Any

import polars as pl

from hostile.fuzz import Act, Attempt, Target
from hostile.mutate import Mutator
from hostile.nasty import TEXTS, json_attacks, yaml_attacks
from hostile.parquet import bad_parquet
from hostile.targets.tables import PLACES
from hostile.watch import command

ESCAPES = (
    *(
        "../../../etc/passwd",
        "/etc/passwd",
        "..",
        ".",
        "",
        "a/../../b.png",
        "films/../../../beside/precious.txt",
    ),
    *(
        "C:\\x.png",
        "~/x.png",
        "\0",
        "a" * 300,
        "-rf",
        "x.png\n../y",
        "\ud800.png",
        "films/i000.png/",
        "\x1b[2J.png",
    ),
    *(
        "<script>alert(1)</script>.png",
        "$(id).png",
        "films\\..\\..\\x.png",
        "con.png",
        "\u202egnp.png",
        "//x/y.png",
    ),
)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, rows: bytes, *more: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = (_chunk(b"IHDR", header), *more, _chunk(b"IDAT", rows), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def image_attacks() -> dict[str, bytes]:
    """Return image files that attack their decoder."""
    dicom = b"\0" * 128 + b"DICM" + b"\x02\0\x10\0UI\x14\x001.2.840.10008.1.2.1\0"
    size = b"(\0\x10\0US\x02\0\xff\xff(\0\x11\0US\x02\0\xff\xff"
    return {
        "png bomb": _png(60_000, 60_000, zlib.compress(b"\0" * 60_001 * 1_000)),
        "png, huge header": _png(2**31 - 1, 2**31 - 1, zlib.compress(b"\0")),
        "png, zero size": _png(0, 0, zlib.compress(b"\0")),
        "png, text bomb": _png(
            8, 8, zlib.compress(b"\0" * 72), _chunk(b"zTXt", b"a\0\0" + zlib.compress(b"A" * 50_000_000))
        ),
        "png, many chunks": _png(8, 8, zlib.compress(b"\0" * 72), *[_chunk(b"tEXt", b"a\0b")] * 20_000),
        "png, cut": _png(8, 8, zlib.compress(b"\0" * 72))[:-20],
        "dicom, huge": dicom + size + b"\xe0\x7f\x10\0OW\0\0\xff\xff\xff\xff",
        "dicom, nothing": dicom,
        "dicom, preamble only": b"\0" * 128 + b"DICM",
        "tiff, loop": b"II*\0\x08\0\0\0\x01\0\0\x01\x03\0\x01\0\0\0\x08\0\0\0\x08\0\0\0",
        "jpeg, header": b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
        b"\xff\xc0\0\x0b\x08\xff\xff\xff\xff\x01\x01\x11\0",
        "gif": b"GIF89a\xff\xff\xff\xff\0\0\0;",
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) run",
        "nothing": b"",
        "zip": b"PK\x03\x04",
    }


TERMS = {
    "licence": "cc0-1.0",
    "url": "https://example.org",
    "may_publish": "yes",
    "may_leave_machine": True,
    "citation": "x",
}
FORMATS = (
    *(
        "nast",
        "negbench",
        "neat",
        "ccneg",
        "negclip",
        "openclip",
        "webdataset",
        "lmms-eval",
        "vlmevalkit",
        "inspect",
    ),
    *("contrabench", "llamafactory", "swift", "trl", "messages"),
)


def _make_dataset(place: Path) -> Path:
    """A tiny dataset with a manifest, of few rows, so that ten thousand copies are cheap."""
    from tiny import write_dataset

    folder = write_dataset(place)
    for path in folder.rglob("*.parquet"):
        pl.read_parquet(path).head(4).write_parquet(path)
    manifest = {
        "format": 1,
        "nastdata": "0.2.0",
        "recipe": {
            "recipe": "mednega",
            "source": ["tiny"],
            "seed": 0,
            "ontology": "chest_xray",
            "images": "path",
        },
        "fingerprint": "0" * 64,
        "seed": 0,
        "sources": [
            {
                "name": "tiny",
                "title": "Tiny",
                "files": [],
                "terms": TERMS,
            }
        ],
        "ontology": {"name": "chest_xray", "sha256": "0" * 64, "review": {"status": "none"}},
        "counts": {"source": {}, "design": {}, "text": {}},
        "audit": None,
        "rows": {p.name: {"train": 4, "validation": 4, "test": 4} for p in (folder / "data").iterdir()},
        "outputs": {},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    pl.DataFrame({"key": ["a"], "stage": ["source"], "reason": ["x"], "text": ["y"]}).write_parquet(
        folder / "rejects.parquet"
    )
    return folder


class Cells:
    """Puts nasty values into the cells of parquet files, with or without the same types."""

    def __init__(self, good: Path) -> None:
        self.frames = {
            p.relative_to(good).as_posix(): pl.read_parquet(p) for p in sorted(good.rglob("*.parquet"))
        }
        self.data = sorted(n for n in self.frames if n.startswith("data/"))

    def damage(self, m: Mutator, folder: Path, name: str | None = None) -> str:
        """Damage one file's cells."""
        name = name or m.rng.choice(self.data)
        frame = self.frames[name]
        rows = frame.to_dicts()
        for _ in range(m.rng.choice((1, 1, 3))):
            row = m.rng.choice(rows)
            column = m.rng.choice(frame.columns)
            if column in ("image", "distractor_image"):
                row[column] = m.rng.choice(ESCAPES)
            elif isinstance(row[column], str):
                row[column] = m.rng.choice((m.text(), row[column] + m.text(), row[column].upper()))
            elif isinstance(row[column], list | dict) and m.rng.random() < 0.6:
                row[column] = m.json(row[column])
            else:
                row[column] = m.value()
        if m.rng.random() < 0.15:
            rows = m.rng.choice(([], rows * 20, rows[:1]))
        kind: Any = frame.schema if m.rng.random() < 0.8 else None
        try:
            made = pl.DataFrame(rows, schema=kind, orient="row", strict=False, infer_schema_length=None)
            roll = m.rng.random()
            if roll < 0.1 and made.width:
                made = made.drop(m.rng.choice(made.columns))
            elif roll < 0.2 and made.width:
                made = made.rename(
                    {m.rng.choice(made.columns): "x" + m.text().encode("ascii", "ignore").decode()}
                )
            elif roll < 0.25 and made.width:
                made = made.with_columns(
                    pl.lit(m.rng.choice((1, 1.5, True))).alias(m.rng.choice(made.columns))
                )
            made.write_parquet(folder / name)
        except BaseException as e:
            if isinstance(e, KeyboardInterrupt):
                raise
            bad_parquet(m, folder / name)
            return "parquet of other types"
        return "cells"


def _damage_folder(m: Mutator, folder: Path, cells: Cells) -> str:
    roll = m.rng.random()
    manifest = folder / "manifest.json"
    if roll < 0.45:
        return cells.damage(m, folder)
    if roll < 0.7:
        manifest.write_bytes(m.json_bytes(manifest.read_bytes()))
        return "manifest"
    if roll < 0.75:
        manifest.write_bytes(m.rng.choice(list(json_attacks().values())))
        return "manifest of an attacker"
    if roll < 0.8:
        name = m.rng.choice([*cells.data, "rejects.parquet"])
        bad_parquet(m, folder / name)
        return "parquet of other types"
    if roll < 0.87:
        name = m.rng.choice(cells.data)
        (folder / name).write_bytes(m.raw((folder / name).read_bytes()))
        return "bytes of a parquet"
    if roll < 0.92:
        name = m.rng.choice([*cells.data, "manifest.json", "rejects.parquet"])
        (folder / name).unlink()
        PLACES[m.rng.choice(sorted(PLACES))](folder / name)
        return "no plain file"
    if roll < 0.96:
        text = m.rng.choice(list(yaml_attacks().values()))
        (folder / "ontology.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
        return "ontology of an attacker"
    name = m.rng.choice(("data/x\x1b[2J", "data/../data2", "sources", "data/mednega/train-..", "zz"))
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "train-00000-of-00001.parquet").symlink_to("/dev/zero")
    return "strange folders and links"


def prepare_dataset(box: Path) -> Attempt:
    """A dataset folder, read, validated, audited, reported, shown."""
    good = _make_dataset(box / "beside" / "good")
    cells = Cells(good)
    images = list(image_attacks().items())
    folder = box / "in" / "d"

    def attempt(i: int, m: Mutator) -> tuple[str, Act]:
        shutil.copytree(good, folder)
        if i < 2 * len(images):
            name, data = images[i // 2]
            if i % 2:
                return f"embedded image: {name}", _embed(folder, data, box)
            (box / "in" / "pics").mkdir()
            (box / "in" / "pics" / "a.png").write_bytes(data)
            argv = ("images", str(box / "in" / "pics"), "--out", str(box / "out" / "s.html"))
            return f"image file: {name}", lambda: command(*argv)
        way = _damage_folder(m, folder, cells)
        return way, _use(m, folder, box / "out")

    return attempt


def _embed(folder: Path, data: bytes, box: Path) -> Act:
    path = folder / "data" / "contextual_captions" / "train-00000-of-00001.parquet"
    frame = pl.read_parquet(path)
    images = pl.Series("image", [{"bytes": data, "path": "../../x.png"}] * len(frame))
    frame.with_columns(images).write_parquet(path)
    from nastdata.checks.run import validate_folder

    return lambda: validate_folder(folder, audit=False, expectations=False)


def _use(m: Mutator, folder: Path, out: Path) -> Act:
    """What a user does first with a folder of somebody else."""
    from nastdata.dataset.folder import read_dataset

    roll = m.rng.random()
    if roll < 0.35:

        def read() -> None:
            opened = read_dataset(folder)
            for config in opened.configs:
                opened.read(config)
            opened.read_rejects()

        return read
    if roll < 0.6:
        from nastdata.dataset.folder import _render as render_documents

        def render() -> None:
            opened = read_dataset(folder)
            frames = {name: opened.read(name) for name in opened.configs}
            pages = render_documents(
                dict(opened.manifest or {"nastdata": None, "rows": {}}), frames, opened.read_rejects(), None
            )
            for page in pages.values():
                assert b"<script>alert(1)" not in page and b"<svg/onload" not in page.lower().replace(
                    b"&lt;", b""
                )

        if m.rng.random() < 0.5:
            return render
        inside = out / "d"  # the report is written into the folder itself
        shutil.copytree(folder, inside, symlinks=True, copy_function=_copy)
        return lambda: command("report", str(inside))
    if roll < 0.9:
        from nastdata.checks.run import validate_folder

        return lambda: validate_folder(folder, audit=False, expectations=False)
    if roll < 0.93:
        inside = out / "d"  # what was found is written into the folder itself
        shutil.copytree(folder, inside, symlinks=True, copy_function=_copy)
        return lambda: command("audit", str(inside), "--json")
    from nastdata.models.dataset_rows import open_data

    def rows() -> None:
        data = open_data(folder, {})
        for config in data.frames:
            data.rows(config, limit=3)

    return rows


def _copy(source: str, to: str) -> None:
    path = Path(source)
    if path.is_file() and not path.is_symlink() and os.access(path, os.R_OK):
        shutil.copyfile(source, to)


def prepare_bundle(box: Path) -> Attempt:
    """A bundle, damaged, read and its recipe recalled; every tenth rebuilt."""
    from folders import build_small

    from nastdata.publishing.bundle import write_bundle, write_sums
    from nastdata.publishing.rebuild import read_bundle, recall_recipe

    made = build_small("mednega", box / "beside" / "m", phantom_patients="60", limit="4")
    good = box / "beside" / "bundle"
    write_bundle(made, good)
    names = sorted(p.name for p in good.iterdir() if p.is_file())
    answer = {"key": "k", "answer": {"text": "x", "outcome": "ok"}}
    attacks = list(yaml_attacks().items())
    folder = box / "in" / "b"

    def read() -> None:
        bundle = read_bundle(folder)
        recipe = recall_recipe(bundle)
        _ = bundle.outputs, recipe.source

    def attempt(i: int, m: Mutator) -> tuple[str, Act]:
        shutil.copytree(good, folder)
        if i < len(attacks):
            (folder / "recipe.yaml").write_bytes(attacks[i][1].encode("utf-8", "surrogatepass"))
            write_sums(folder)
            return f"yaml: {attacks[i][0]}", read
        roll = m.rng.random()
        name = m.rng.choice(names)
        path = folder / name
        sums = m.rng.random() < 0.8
        if roll < 0.3:
            path = folder / "bundle.json"
            path.write_bytes(m.json_bytes(path.read_bytes()))
            way = "bundle.json"
        elif roll < 0.5:
            from hostile.targets.settings import damage_yaml

            way = f"recipe: {damage_yaml(m, path.with_name('recipe.yaml').read_text(), folder / 'r.yaml')}"
            shutil.move(folder / "r.yaml", folder / "recipe.yaml") if (folder / "r.yaml").is_file() else None
        elif roll < 0.65:
            lines = [json.dumps(m.json(answer)) for _ in range(3)]
            data = "\n".join(lines).encode("utf-8", "surrogatepass")
            (folder / "answers.jsonl").write_bytes(m.raw(data) if m.rng.random() < 0.3 else data)
            way = "answers"
        elif roll < 0.75:
            text = (folder / "SHA256SUMS.txt").read_text()
            odd = m.rng.choice(
                ("../../../etc/passwd", "/dev/zero", "/etc/shadow", "", ".", "\0", "bundle.json/x", m.text())
            )
            (folder / "SHA256SUMS.txt").write_bytes(
                m.raw(text.encode())
                if m.rng.random() < 0.4
                else f"{text}{'0' * 64}  {odd}\n".encode("utf-8", "surrogatepass")
            )
            way, sums = "sums", False
        elif roll < 0.85:
            path.write_bytes(m.raw(path.read_bytes()))
            way = "bytes"
        elif roll < 0.92:
            path.unlink()
            PLACES[m.rng.choice(sorted(PLACES))](path)
            way, sums = "no plain file", False
        else:
            path.write_bytes(m.wrap(path.read_bytes()))
            way = "packing"
        if sums:
            try:
                write_sums(folder)
            except (OSError, ValueError):
                pass
        if m.rng.random() < 0.02:
            argv = ("build", "--from-bundle", str(folder), "--out", str(box / "out" / "d"))
            return f"{way}, rebuilt", lambda: command(*argv)
        return way, read

    return attempt


def prepare_export(box: Path) -> Attempt:
    """Exports of hostile rows to hostile places."""
    from nastdata.exports import export_dataset

    good = _make_dataset(box / "beside" / "good")
    cells = Cells(good)
    root = box / "beside" / "images"
    (root / "films").mkdir(parents=True)
    for i in (0, *range(4, 48)):
        (root / "films" / f"i{i:03}.png").write_bytes(_png(8, 8, zlib.compress(b"\0" * 72)))
    (root / "films" / "i001.png").symlink_to(box / "beside" / "precious.txt")
    (root / "films" / "i002.png").write_bytes(image_attacks()["png bomb"])
    (root / "films" / "i003.png").symlink_to("/dev/zero")
    folder = box / "in" / "d"

    def attempt(i: int, m: Mutator) -> tuple[str, Act]:
        shutil.copytree(good, folder)
        ways = []
        if m.rng.random() < 0.8:
            ways.append(_damage_folder(m, folder, cells) if m.rng.random() < 0.4 else cells.damage(m, folder))
        place, out = _hostile_place(m, box)
        ways.append(place)
        to = m.rng.choice(FORMATS)
        roots = {"tiny": root} if m.rng.random() < 0.7 else {}
        paths: Any = m.rng.choice(("absolute", "relative", "name"))
        splits = m.rng.choice(((), ("all",), ("train",)))
        return f"{to}: {', '.join(ways)}", lambda: export_dataset(
            folder, to, out, splits=splits, roots=roots, paths=paths
        )

    return attempt


def _hostile_place(m: Mutator, box: Path) -> tuple[str, Path]:
    out, beside = box / "out", box / "beside"
    roll = m.rng.randrange(16)
    if roll == 0:
        (out / "e").symlink_to(beside)
        return "a link to another folder", out / "e"
    if roll == 1:
        (out / "e").symlink_to(beside / "precious.txt")
        return "a link to a file", out / "e"
    if roll == 2:
        return "a folder of others", beside
    if roll == 3:
        return "within the dataset", box / "in" / "d" / "export"
    if roll == 4:
        return "a file", beside / "precious.txt"
    if roll == 5:
        return "below a file", beside / "precious.txt" / "e"
    if roll == 6:
        (out / "e").mkdir()
        (out / "e" / "export.json").write_text(m.rng.choice(("{}", "[", "", "null")))
        (out / "e" / "data").symlink_to(beside)
        (out / "e" / "README.md").symlink_to(beside / "precious.txt")
        return "an earlier export of others, with links", out / "e"
    if roll == 7:
        return "a name of blanks", out / " "
    if roll == 8:
        return "a long name", out / ("e" * 300)
    if roll == 9:
        return "up and down", out / "x" / ".." / "e"
    if roll == 10:
        return "a name with escapes", out / "e\x1b[2J\u202e"
    if roll == 11:
        (out / "l").symlink_to("l")
        return "a link to itself", out / "l"
    return "a new folder", out / "e"


TARGETS = (
    Target(
        "dataset folder",
        "`validate`, `report`, `audit`, `images`: rows, manifest, images, links",
        prepare_dataset,
    ),
    Target("bundle", "a bundle read for `build --from-bundle`; one in fifty rebuilt", prepare_bundle),
    Target("export target", "all formats: hostile rows, and hostile places to write to", prepare_export),
)
_ = io, TEXTS
