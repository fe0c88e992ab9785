"""``nastdata images``: a contact sheet of what is read of images, and what is refused and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nastdata.images.contact_sheet import Sheet
    from nastdata.images.convert import ImageFile

SHOWN_PATIENTS = 60
"""Phantom patients that are drawn for a sheet."""


@click.command("images", short_help="Show how images are read, in a page of small pictures.")
@click.argument("target", metavar="DIR|SOURCE")
@click.option("--data", type=click.Path(path_type=Path), help="For a SOURCE: its label files.")
@click.option(
    "--image-root",
    "roots",
    multiple=True,
    metavar="FOLDER|SOURCE=FOLDER",
    help="For a SOURCE or a dataset: where its images are.",
)
@click.option("--template", help="Where they are below it, e.g. '{patient}/{study}/{image}.dcm'.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("images.html"),
    show_default=True,
    help="The page to write.",
)
@click.option(
    "--limit", type=click.IntRange(1, 5000), default=300, show_default=True, help="Pictures to show."
)
@click.option("--burnt-in", is_flag=True, help="Also show images whose header says that text is burnt in.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts, as JSON only.")
def command(
    target: str,
    data: Path | None,
    roots: tuple[str, ...],
    template: str | None,
    out: Path,
    limit: int,
    burnt_in: bool,
    as_json: bool,
) -> None:
    """Look at the images of a folder, of a dataset folder, or of a SOURCE, and show them in one page.

    \b
    nastdata images /data/xrays
    nastdata images mydata.yaml
    nastdata images chexpert --image-root /data/CheXpert-v1.0-small
    nastdata images padchest --image-root /data/padchest --limit 60 --out padchest.html
    nastdata images mednega

    The page shows pictures as models get them, which conversions were made, and which files are refused and
    why. It is one HTML file that needs no network. Exit code 1: no image can be used.
    """
    from nastdata.engines import open_engine
    from nastdata.errors import CheckFailedError, UserError
    from nastdata.images.contact_sheet import make_sheet, render_sheet
    from nastdata.progress import Progress

    title, files = _find(target, data, roots, template)
    of_folder = bool(files) and not files[0][1].source
    others = sum(p.is_file() for p in Path(target).rglob("*")) - len(files) if of_folder else 0
    if not files:
        raise UserError("no image files in it", where=target, how="give a folder of images, or a source")
    progress = Progress(quiet=as_json)
    with progress.stage("images") as stage, open_engine("local") as engine:
        sheet = make_sheet(title, files, most=limit, keep_burnt_in=burnt_in, engine=engine, tell=stage.count)
        sheet.others = others
        stage.tell(f"{sheet.usable:,} of {sheet.named:,} usable, {len(sheet.shown):,} shown")
    try:
        out.write_text(render_sheet(sheet), encoding="utf-8")
    except OSError as e:
        raise UserError(f"can't be written ({e.strerror})", where=str(out), how="choose another --out") from e
    if as_json:
        import json

        click.echo(json.dumps({**sheet.to_json(), "page": str(out)}, indent=1, ensure_ascii=False))
    else:
        _print(sheet, out)
    if not sheet.usable:
        raise CheckFailedError("no image can be used: see the reasons above")


def _print(sheet: Sheet, out: Path) -> None:
    for kind, n in sheet.kinds.most_common():
        click.echo(f"{n:>9,}  {kind}")
    for reason, names in sorted(sheet.refused.items()):
        detail = f" ({names[0][1]})" if names[0][1] else ""
        click.echo(f"{len(names):>9,}  refused: {reason}, e.g. {names[0][0]}{detail}")
    for step, n in sorted(sheet.steps.items()):
        click.echo(f"{n:>9,}  of those shown: {step}")
    if sheet.hinted:
        click.echo(f"{sheet.hinted:>9,}  of those shown look odd: see the marks on the page")
    if sheet.others:
        click.echo(f"{sheet.others:>9,}  other file{'s' * (sheet.others != 1)}, not looked at")
    click.echo(f"page: {out}")


def _find(
    target: str, data: Path | None, roots: tuple[str, ...], template: str | None
) -> tuple[str, list[tuple[str, ImageFile]]]:
    """Return a title, and the images of a folder, a dataset folder or a source."""
    from nastdata.errors import UserError, name_nearest
    from nastdata.sources import is_own, list_sources

    path = Path(target)
    if path.is_dir():
        if (path / "manifest.json").is_file() or any((path / "data").glob("*/*.parquet")):
            return _find_of_dataset(path, roots, template)
        if roots or template or data:
            raise UserError(
                "--image-root, --template and --data are for a source or a dataset",
                where=target,
                how=f"known sources: {', '.join(list_sources())}",
            )
        return _find_of_folder(path)
    if target in list_sources() or (path.is_file() and is_own(target)):
        return _find_of_source(target, data, roots, template)
    if path.exists():
        raise UserError("not a folder", where=target, how="give the folder that it is in")
    how = name_nearest(target, list_sources())
    raise UserError("no such folder, and no such source", where=target, how=how)


def _find_of_folder(path: Path) -> tuple[str, list[tuple[str, ImageFile]]]:
    from nastdata.images.convert import ImageFile
    from nastdata.images.find import is_inside
    from nastdata.images.header_texts import list_image_files

    files = []
    for file in list_image_files(path):
        name = file.relative_to(path).as_posix()
        if is_inside(file, path):
            files.append((name, ImageFile("", name, path=file)))
        else:
            files.append((name, ImageFile("", name, reason="outside of the root")))
    return f"Images in {path.name or path}", files


def _find_of_dataset(
    path: Path, roots: tuple[str, ...], template: str | None
) -> tuple[str, list[tuple[str, ImageFile]]]:
    from nastdata.dataset.folder import read_dataset
    from nastdata.images.find import make_roots
    from nastdata.images.prepare import list_wanted
    from nastdata.models.dataset_rows import open_data

    sources = [s["name"] for s in (read_dataset(path).manifest or {}).get("sources", ())]
    named = make_roots(_read_roots(roots, sources))
    opened = open_data(path, named, templates=dict.fromkeys(named, template) if template else None)
    wanted = {(w.source, w.image): w for w in list_wanted(opened.frames)}
    locate = opened.store.locate
    files = [(f"{w.source}: {w.image_id}", locate(*key)) for key, w in wanted.items()]
    return f"Images of {path.name}", files


def _find_of_source(
    name: str, data: Path | None, roots: tuple[str, ...], template: str | None
) -> tuple[str, list[tuple[str, ImageFile]]]:
    from nastdata.errors import UserError
    from nastdata.images.prepare import Wanted
    from nastdata.images.store import PHANTOM, open_store
    from nastdata.ontology import load_ontology
    from nastdata.sources import get_source
    from nastdata.sources.base import Options

    source = get_source(name)
    name, ontology = source.name, load_ontology(source.ontology or "chest_xray")
    named = _read_roots(roots, [name])
    if not named and source.image_root is not None:
        named = {name: source.image_root}
    if name != PHANTOM and name not in named:
        raise UserError("the folder of its images is not named", where=name, how="--image-root FOLDER")
    loaded = source.load_facts(data, ontology, Options(phantom_patients=SHOWN_PATIENTS))
    recipe = {"source": [name], "ontology": "chest_xray", "seed": 0, "phantom_patients": SHOWN_PATIENTS}
    store = open_store(recipe, named, {name: template} if template else {})
    if store is None:
        raise UserError("the folder of its images is not named", where=name, how="--image-root FOLDER")
    store.finder.learn(loaded.frame)
    rows = loaded.frame.select("source", "image", "image_id").drop_nulls().unique(maintain_order=True)
    wanted = [Wanted(*row) for row in rows.iter_rows()]
    return f"Images of {source.title}", [(w.image, store.locate(w.source, w.image)) for w in wanted]


def _read_roots(roots: tuple[str, ...], sources: list[str]) -> dict[str, Path]:
    """Read SOURCE=FOLDER, or FOLDER alone where there is one source."""
    from nastdata.cli.options import read_image_root

    if len(roots) == 1 and len(sources) == 1 and "=" not in roots[0]:
        return {sources[0]: Path(roots[0])}
    return dict(read_image_root(item) for item in roots)
