"""Files of settings: ontology, recipe, description of a source. A stranger may have written each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from hostile.fuzz import Act, Attempt, Target
from hostile.mutate import Mutator
from hostile.nasty import yaml_attacks
from hostile.targets.tables import OWN_CSV, OWN_YAML, PLACES
from hostile.watch import command

PATHS = (
    *(
        "/etc/passwd",
        "/etc",
        "/",
        "../../../etc/passwd",
        "~",
        "$HOME",
        "${PATH}",
        "/dev/zero",
        "/proc/self/mem",
    ),
    *(
        "/proc/self/fd",
        ".",
        "..",
        "",
        "\0",
        "a" * 5_000,
        "//host/share",
        "http://127.0.0.1:9/x",
        "**/**/**/*",
    ),
    *("/tmp/../etc/shadow", "C:\\x", "-", "\x1b[2J", "/sys/kernel", "/proc/*/mem", "/**/*"),
)


def dump(value: Any) -> bytes:
    """Return YAML of a damaged value, surrogates included."""
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
    return text.encode("utf-8", "surrogatepass")


def damage_yaml(m: Mutator, text: str, path: Path) -> str:
    """Write a damaged YAML file."""
    roll = m.rng.random()
    if roll < 0.6:
        value = yaml.safe_load(text)
        try:
            path.write_bytes(dump(m.json(value)))
        except (yaml.YAMLError, ValueError):
            path.write_bytes(m.raw(text.encode()))
        return "structure"
    if roll < 0.9:
        path.write_bytes(m.raw(text.encode()))
        return "bytes"
    if roll < 0.96:
        path.write_bytes(m.wrap(text.encode()))
        return "packing"
    PLACES[m.rng.choice(sorted(PLACES))](path)
    return "no plain file"


def prepare_ontology(box: Path) -> Attempt:
    """``ontology check``, and reading a report with what was accepted."""
    from nastdata.ontology import find_ontology_file, load_ontology
    from nastdata.reading.second_reader.text_reader import TextReader

    texts = [find_ontology_file(n).read_text(encoding="utf-8") for n in ("knee_xray", "brain_mri")]
    small = "\n".join(line for line in texts[0].splitlines() if not line.startswith("#"))
    attacks = list(yaml_attacks().items())
    path = box / "in" / "o.yaml"

    def attempt(i: int, m: Mutator) -> tuple[str, Act]:
        if i < 2 * len(attacks):
            name, text = attacks[i // 2]
            more = "" if i % 2 else small + "\n"
            path.write_bytes((more + text).encode("utf-8", "surrogatepass"))
            return f"yaml: {name}", lambda: command("ontology", "check", str(path))
        way = damage_yaml(m, small if m.rng.random() < 0.8 else texts[1], path)
        if m.rng.random() < 0.05:

            def use() -> None:
                ontology = load_ontology(str(path))
                TextReader(ontology).read(["No fracture. Small joint effusion."], report=True)

            return f"{way}, and read with it", use
        if m.rng.random() < 0.8:
            return way, lambda: load_ontology(str(path))
        return f"{way}, checked", lambda: command("ontology", "check", str(path))

    return attempt


RECIPES = ("mednega", "contextual", "probes", "opposition", "protocols", "train")


def prepare_recipe(box: Path) -> Attempt:
    """A recipe file: read, its sources opened, and some built."""
    from nastdata.ontology import load_ontology
    from nastdata.recipe import BuildRecipe, find_recipe, load_recipe
    from nastdata.sources.opening import open_sources

    texts = {n: find_recipe(n).read_text(encoding="utf-8") for n in RECIPES}
    full = {n: load_recipe(n).model_dump(mode="json") for n in RECIPES}
    attacks = list(yaml_attacks().items())
    path = box / "in" / "r.yaml"
    keys = ("data", "image_root", "ontology", "source", "writer", "tokenizer", "images", "splits", "claims")

    def read() -> None:
        recipe = load_recipe(str(path))
        if isinstance(recipe, BuildRecipe):
            recipe, _ = open_sources(recipe)
            load_ontology(recipe.ontology)

    def attempt(i: int, m: Mutator) -> tuple[str, Act]:
        if i < 2 * len(attacks):
            name, text = attacks[i // 2]
            more = "" if i % 2 else texts["mednega"] + "\n"
            path.write_bytes((more + text).encode("utf-8", "surrogatepass"))
            few = ("--set", "phantom_patients=60", "--set", "audit.enabled=false", "-n", "1")
            return f"yaml: {name}", lambda: command("preview", str(path), *few)
        kind = m.rng.choice(RECIPES)
        if m.rng.random() < 0.3:
            value: Any = m.json(full[kind])
            if isinstance(value, dict):
                key = m.rng.choice(keys)
                odd = m.rng.choice(PATHS)
                value[key] = m.rng.choice((odd, {"phantom": odd}, {"chexpert": odd}, {"cache": odd}, [odd]))
            try:
                path.write_bytes(dump(value))
            except (yaml.YAMLError, ValueError):
                path.write_bytes(m.raw(texts[kind].encode()))
            return "places that it should not name", read
        way = damage_yaml(m, texts[kind] if m.rng.random() < 0.5 else yaml.safe_dump(full[kind]), path)
        if m.rng.random() < 0.01:
            more_args = ("--set", "phantom_patients=60", "--set", "audit.enabled=false", "-n", "1")
            return f"{way}, previewed", lambda: command("preview", str(path), *more_args)
        if m.rng.random() < 0.3:
            key = m.rng.choice(("limit", "writer.model", "images.views", "source", "a.b.c", m.text()))
            setting = f"{key}={m.rng.choice((m.text(), '[' * 900, '&a [*a]', '!!python/name:os.system'))}"
            # what can't be said on a command line is no attack on it
            setting = setting.encode("utf-8", "replace").decode().replace("\0", "")
            argv = (
                "preview",
                str(path),
                "--set",
                setting,
                "--set",
                "data={phantom: /nowhere}",
                "--data",
                "/nowhere",
            )
            return f"{way}, with --set", lambda: command(*argv)
        return way, read

    return attempt


def prepare_source(box: Path) -> Attempt:
    """A description of a source, beside a good table."""
    from nastdata.ontology import load_ontology
    from nastdata.sources import get_source
    from nastdata.sources.base import Options

    chest = load_ontology("chest_xray")
    folder = box / "in"
    path = folder / "mine.yaml"
    attacks = list(yaml_attacks().items())
    rich = OWN_YAML + (
        "title: Mine\nowner: A hospital\nseveral_rows: any\nmax_rejected: 0.5\n"
        "read: {separator: ',', skip_rows: 0}\n"
        "image_root: images\nsplits: {train: train, test: test}\n"
    )
    reports = "name: texts\nreports:\n  folder: reports\n"
    reports += "  pattern: '(?P<patient>p[0-9]+)/(?P<study>s[0-9]+)\\.txt$'\n"
    nasty_patterns = (
        *(
            "(a+)+$",
            "(?P<study>(.*)*)x",
            "(?P<study>(?:a|a)*b)",
            "((((((((((.*)*)*)*)*)*)*)*)*)*)",
            "(?P<study>",
        ),
        *(
            "(?P<study>" + ".*" * 12 + "z)",
            "(?P<study>.*)" + "(?:x*)*" * 8,
            "(?=(?P<study>a+))+b",
            "[",
            "(?P<patient>.)",
        ),
        "(?P<study>" + "(" * 200 + "a" + ")" * 200 + ")",
        "(?P<study>a{1,9999}){1,9999}",
        "(?P<study>\\w+\\s?)*$",
    )

    def attempt(i: int, m: Mutator) -> tuple[str, Act]:
        (folder / "films.csv").write_bytes(OWN_CSV)
        act: Act = lambda: command("sources", "check", str(path))  # noqa: E731
        if i < 2 * len(attacks):
            name, text = attacks[i // 2]
            path.write_bytes(((rich + "\n" if i % 2 else "") + text).encode("utf-8", "surrogatepass"))
            return f"yaml: {name}", act
        if m.rng.random() < 0.2:
            named = folder / "reports" / "p1"
            named.mkdir(parents=True)
            (named / "s1.txt").write_text("No edema.")
            (named / ("a" * 60 + ".txt")).write_text("Edema.")
            value = yaml.safe_load(reports)
            value["reports"]["pattern"] = m.rng.choice(nasty_patterns)
            path.write_bytes(dump(value if m.rng.random() < 0.7 else m.json(value)))
            return "a pattern", act
        if m.rng.random() < 0.25:
            value = yaml.safe_load(rich)
            value["files" if m.rng.random() < 0.7 else "image_root"] = m.rng.choice(
                [p for p in PATHS if not p.startswith(("/**", "/proc/*"))]
            )
            path.write_bytes(dump(value))
            return "places that it should not name", act
        way = damage_yaml(m, rich if m.rng.random() < 0.7 else OWN_YAML, path)
        if m.rng.random() < 0.2:
            return f"{way}, checked", act

        def load() -> None:
            source = get_source(str(path))
            (source.load_labels, source.load_facts)[m.rng.randrange(2)](None, chest, Options())

        return way, load

    return attempt


TARGETS = (
    Target("ontology", "`ontology check`, and reports read with what is accepted", prepare_ontology),
    Target(
        "recipe",
        "`preview` and `--set`: the file read, its sources opened, one in a hundred built",
        prepare_recipe,
    ),
    Target("source YAML", "`sources check` of a description beside a good table", prepare_source),
)
