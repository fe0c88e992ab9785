"""Source tables: every built-in corpus's files, own tables, and what lies in the place of a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from hostile.corpora import TREES, Tree
from hostile.fuzz import Act, Attempt, Target
from hostile.mutate import Mutator
from hostile.nasty import archive_attacks, json_attacks
from hostile.parquet import bad_parquet
from hostile.watch import command

OWN_CSV = b"pid,image,age,effusion,ptx,broken rib,side\n" + b"".join(
    b"p%d,i%d.png,60,%d,%d,,left\n" % (i, i, i % 2, (i + 1) % 2) for i in range(8)
)
OWN_YAML = """name: mine
files: films.csv
columns: {patient: pid, image: image}
labels:
  layout: columns
  columns:
    effusion: Pleural Effusion
    ptx: Pneumothorax
    broken rib: Fracture
"""


def write_tree(folder: Path, tree: Tree) -> None:
    """Write files."""
    for name, data in tree.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


PLACES: dict[str, Callable[[Path], object]] = {
    "a folder": lambda p: p.mkdir(),
    "a link to /dev/zero": lambda p: p.symlink_to("/dev/zero"),
    "a link to /dev/urandom": lambda p: p.symlink_to("/dev/urandom"),
    "a link to itself": lambda p: p.symlink_to(p.name),
    "a link to nothing": lambda p: p.symlink_to("nothing-there"),
    "a link to another file": lambda p: p.symlink_to("/etc/passwd"),
    "a fifo": lambda p: os.mkfifo(p),
    "no file": lambda p: None,
    "an empty file": lambda p: p.touch(),
}
"""What may lie where a file should be."""


def damage(m: Mutator, folder: Path, tree: Tree) -> str:
    """Damage one file of a tree in place; returns the way."""
    name = m.rng.choice(sorted(tree))
    path, data = folder / name, tree[name]
    roll = m.rng.random()
    if roll < 0.5:
        if name.endswith((".json",)):
            path.write_bytes(m.json_bytes(data))
        elif name.endswith((".csv",)):
            path.write_bytes(m.table(data))
        else:
            path.write_bytes(m.raw(data))
        return "content"
    if roll < 0.72:
        path.write_bytes(m.raw(data))
        return "bytes"
    if roll < 0.84:
        path.write_bytes(m.wrap(data))
        return "packing"
    if roll < 0.9:
        attack = m.rng.choice([*json_attacks().values(), *list(archive_attacks().values())[3:]])
        path.write_bytes(attack)
        return "attack"
    if roll < 0.94:
        path.unlink()
        bad_parquet(m, path)
        return "parquet"
    path.unlink()
    PLACES[m.rng.choice(sorted(PLACES))](path)
    return "no plain file"


def prepare(box: Path) -> Attempt:
    """Every built-in source on a damaged tree; a bomb for each first."""
    from nastdata.ontology import load_ontology
    from nastdata.sources import get_source
    from nastdata.sources.base import Options
    from nastdata.sources.opening import load_own

    ontology = load_ontology("chest_xray")
    names = sorted(TREES)
    bombs = {k: v for k, v in archive_attacks().items() if "bomb" in k or "gzip" in k}

    def load(source_name: str, kind: int, data: Path, m: Mutator) -> Act:
        source = get_source(source_name)
        options = Options(closed_world=m.rng.random() < 0.3)
        read = (source.load_labels, source.load_facts)[kind]

        def act() -> None:
            loaded = load_own(read, source, data, ontology, options)
            assert loaded.rows_in == loaded.rows_out + len(loaded.rejects) + sum(loaded.left_out.values())

        return act

    def attempt(i: int, m: Mutator) -> tuple[str, Act]:
        folder = box / "in"
        if i < len(bombs) * len(names) // 4:
            name = names[(i * 7) % len(names)]
            source, tree = TREES[name]
            write_tree(folder, tree)
            (folder / m.rng.choice(sorted(tree))).write_bytes(list(bombs.values())[i % len(bombs)])
            return f"{name}: bomb", load(source, i % 2, folder, m)
        if m.rng.random() < 0.2:
            return _own(folder, box / "out", m)
        name = m.rng.choice(names)
        source, tree = TREES[name]
        write_tree(folder, tree)
        way = damage(m, folder, tree)
        data = folder if m.rng.random() < 0.7 else folder / m.rng.choice(sorted(tree))
        return f"{name}: {way}", load(source, m.rng.randrange(2), data, m)

    return attempt


def _own(folder: Path, out: Path, m: Mutator) -> tuple[str, Act]:
    """An own table, damaged: described by ``sources new``, or read by a good description."""
    write_tree(folder, {"films.csv": OWN_CSV, "mine.yaml": OWN_YAML.encode()})
    way = damage(m, folder, {"films.csv": OWN_CSV})
    if m.rng.random() < 0.4:
        target = folder / "films.csv" if m.rng.random() < 0.8 else folder
        argv = ("sources", "new", str(target), "-o", str(out / "new.yaml"))
        return f"own table, sources new: {way}", lambda: command(*argv)
    return f"own table: {way}", lambda: command("sources", "check", str(folder / "mine.yaml"))


TARGETS = (Target("source tables", "files of all built-in corpora and own tables", prepare),)
