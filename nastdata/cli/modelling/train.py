"""``nastdata train``: fine-tune a dual encoder on a dataset folder."""

from __future__ import annotations

from pathlib import Path

import click

from nastdata.cli.modelling.model_options import need_train, out_option, read_roots


@click.command("train", short_help="Fine-tune a model's text encoder on a dataset.")
@click.argument("recipe", default="train")
@click.option("--model", help="E.g. open_clip:ViT-B-32@openai, open_clip:FOLDER, transformers:FOLDER.")
@click.option("--data", type=click.Path(path_type=Path), help="Dataset folder.")
@out_option("run")
@click.option(
    "--trace", type=click.Path(path_type=Path), help="Folder of `nastdata trace`, for layer weights."
)
@click.option("--images", multiple=True, metavar="SOURCE=FOLDER", help="Folder of a source's images.")
@click.option("--device", help="cpu, cuda, mps ...")
@click.option("--seed", type=int, help="Seed of every random choice; the recipe's if not given.")
@click.option(
    "--set", "settings", multiple=True, metavar="KEY.PATH=VALUE", help="Change any key of the recipe."
)
@click.option("--fresh", is_flag=True, help="Start from the beginning, even if there is a checkpoint.")
def command(
    recipe: str,
    model: str | None,
    data: Path | None,
    out: Path,
    trace: Path | None,
    images: tuple[str, ...],
    device: str | None,
    seed: int | None,
    settings: tuple[str, ...],
    fresh: bool,
) -> None:
    """Fine-tune a model by RECIPE: the built-in `train`, or a YAML file.

    \b
    nastdata train --model open_clip:ViT-B-32@openai --data contextual --trace trace --out run
    nastdata train --model open_clip:FOLDER --data mednega --set objective=groups
    torchrun --nproc-per-node 4 -m nastdata train --device cuda ...
    accelerate launch --multi_gpu --num_processes 4 -m nastdata train --device cuda ...

    An interrupted run goes on where it was when the same command is given again. Writes run.json, log.jsonl
    (and TensorBoard's events with --set log=tensorboard), adapter/ (peft) and model/ (merged, ready for
    `nastdata evaluate` and for open_clip).
    """
    need_train()
    roots = read_roots(images)
    from nastdata.errors import CheckFailedError, UserError
    from nastdata.progress import Progress
    from nastdata.recipe import load_recipe

    overrides: list[tuple[str, str]] = []
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise UserError("not of the form KEY.PATH=VALUE", where=f"--set {setting}")
        overrides.append((key, value))
    given = {"model": model, "data": data, "layers.trace": trace, "device": device, "seed": seed}
    overrides += [(key, str(value)) for key, value in given.items() if value is not None]
    loaded = load_recipe(recipe, overrides)
    if loaded.recipe != "train":
        raise UserError(
            f"a '{loaded.recipe}' recipe builds data", where=recipe, how="nastdata build " + recipe
        )
    if roots:
        loaded = loaded.model_copy(update={"images": {**loaded.images, **roots}})
    from nastdata.training.fit import fit

    about = fit(loaded, out, Progress(), fresh)
    if about["failed"]:
        raise CheckFailedError(
            f"{about['failed']} ({out / 'run.json'}); lower learning_rate, or train longer"
        )
    if about["collapsed_at"] is not None:
        click.echo(f"the run collapsed: near chance from step {about['collapsed_at']:,} on", err=True)
    (name, best), *_ = about["best"].items()
    first = about["history"][0][name]
    click.echo(f"{name}: {first:.4f} before, {best:.4f} at step {about['best_step']:,} (validation)")
    for k in (3, 5):
        share = about["update"][f"top{k}"]
        if share is not None:
            click.echo(f"share of the change in the {k} most changed layers: {share:.1%}")
    click.echo(f"model: {about.get('exported', out / 'model')}")
    click.echo(f"run:   {out / 'run.json'}")
