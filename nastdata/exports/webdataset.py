"""webdataset: tar shards of ``KEY.jpg``, ``KEY.txt`` and ``KEY.json``."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from itertools import tee

from nastdata.errors import UserError
from nastdata.exports.base import Export
from nastdata.exports.job import Job
from nastdata.exports.openclip import list_captions
from nastdata.images.export import NO_IMAGE, NOT_FOUND
from nastdata.recipe import get_image_mode

NEEDS = "any config, and its images"
HOW = """
Read by open_clip's training:

    python -m open_clip_train.main --dataset-type webdataset --train-data '{out}/{train_shards}' \\
        --train-num-samples {train_samples} --model ViT-B-32 --pretrained openai --batch-size 256 --epochs 5

Each sample is an image, a true text and a JSON object with the row's key, config and source; `sizes.json`
has the samples of each shard. Images are JPEG at quality 95, made again from the pixels.
"""
SHARD_SAMPLES = 10_000
SHARD_BYTES = 500_000_000


def export(job: Job) -> None:
    """Write ``SPLIT-000000.tar`` and so on.

    Raises:
        UserError: if the images of a source can't be had.
    """
    _check_images(job)
    sizes: dict[str, int] = {}
    for split in job.splits:
        names = _write_split(job, split, sizes)
        if split == "train" and names:
            last = len(names) - 1
            job.account.facts["train_shards"] = f"train-{{000000..{last:06d}}}.tar" if last else names[0]
            job.account.facts["train_samples"] = sum(sizes[n] for n in names)
    job.account.facts.setdefault("train_shards", "SPLIT-000000.tar")
    job.account.facts.setdefault("train_samples", 0)
    job.account.files.update(sizes)
    (job.out / "sizes.json").write_text(json.dumps(sizes, indent=1) + "\n", encoding="utf-8")


def _write_split(job: Job, split: str, sizes: dict[str, int]) -> list[str]:
    names: list[str] = []
    samples = _list_samples(job, split)
    sample = next(samples, None)
    while sample is not None:
        name = f"{split}-{len(names):06d}.tar"
        names.append(name)
        path = job.out / name
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
            while sample is not None and sizes.get(name, 0) < SHARD_SAMPLES and tar.offset < SHARD_BYTES:
                for suffix, data in sample.items():
                    _add(tar, f"{split}{sum(sizes.values()):09d}.{suffix}", data)
                sizes[name] = sizes.get(name, 0) + 1
                sample = next(samples, None)
    return names


def _list_samples(job: Job, split: str) -> Iterator[dict[str, bytes]]:
    fitting = (c for c in list_captions(job, split) if job.fits(split, (c.text,)))
    first, second = tee(fitting)
    images = job.images.read(((c.source, c.image) for c in first), engine=job.engine)
    for caption, image in zip(second, images, strict=True):
        if image is None:
            job.account.leave_out(split, NO_IMAGE if caption.image is None else NOT_FOUND)
            continue
        about = {
            "key": caption.key,
            "config": caption.config,
            "source": caption.source,
            "negated": caption.negated,
        }
        yield {
            "jpg": image,
            "txt": caption.text.encode(),
            "json": json.dumps({**about, "caption": caption.text}, ensure_ascii=False).encode(),
        }


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    """Add a file whose entry holds nothing of this machine or hour."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def _check_images(job: Job) -> None:
    manifest = job.folder.manifest or {}
    if get_image_mode(manifest.get("recipe")) == "embed":
        return
    for source in [s["name"] for s in manifest.get("sources") or []]:
        if source != "phantom" and source not in job.images.store.finder.roots:
            raise UserError(
                "the shards hold the images themselves, and their folder is not named",
                where=source,
                how=f"--image-root {source}=FOLDER",
            )


EXPORT = Export(
    reads="open_clip training: tar shards",
    needs=NEEDS,
    how=HOW,
    write=export,
)
