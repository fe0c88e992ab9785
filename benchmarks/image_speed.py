"""Images a second of embedding and of export, beside Pillow and pydicom alone on the same files.

python benchmarks/image_speed.py [--scale 1.0]

"Alone" is the loop that a user would write: open, scale to 8 bits, save as PNG (or JPEG), in one process,
without checks, names, an account or a way to go on after an interruption. "One process" and "two" are what
``images=embed`` and the webdataset export do. The last column compares processor seconds (one process to
alone), which other work on the machine does not change.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe_machine
from PIL import Image

from nastdata.engines import open_engine
from nastdata.images.encode import PNG_LEVEL, Encoding
from nastdata.images.export import ImagePlaces
from nastdata.images.phantom import render
from nastdata.images.prepare import Wanted, prepare_images
from nastdata.images.store import ImageStore
from nastdata.records import Fact

KINDS = {"jpeg": (600, 390), "png16": (60, 1024), "dicom": (30, 2048), "dicom-j2k": (10, 2048)}
"""Kind -> (files, pixels of a side): CheXpert-small, PadChest made smaller, and plates of CR."""


def write_files(root: Path, scale: float) -> dict[str, list[Path]]:
    """Write made-up radiographs of each kind."""
    import pydicom

    drawn = [render([Fact("Edema", "present", None, "severe")], i, 512) for i in range(8)]
    out: dict[str, list[Path]] = {}
    for kind, (n, side) in KINDS.items():
        (root / kind).mkdir()
        out[kind] = []
        for i in range(max(4, int(n * scale))):
            image = Image.fromarray(drawn[i % 8]).resize((side, side), Image.Resampling.BICUBIC)
            pixels = np.asarray(image).astype(np.uint16) * 16 + (np.arange(side, dtype=np.uint16) + i) % 16
            path = root / kind / f"{i:05}.{ {'jpeg': 'jpg', 'png16': 'png'}.get(kind, 'dcm') }"
            if kind == "jpeg":
                image.save(path, quality=90)
            elif kind == "png16":
                Image.fromarray(pixels).save(path)
            else:
                dataset = make_dicom(pydicom, pixels)
                if kind == "dicom-j2k":
                    dataset.compress(pydicom.uid.JPEG2000Lossless, generate_instance_uid=False)
                pydicom.dcmwrite(path, dataset, enforce_file_format=True)
            out[kind].append(path)
    return out


def make_dicom(pydicom: Any, pixels: Any) -> Any:
    """Return a 12-bit MONOCHROME1 object with a window."""
    meta = pydicom.dataset.FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset = pydicom.Dataset()
    dataset.file_meta = meta
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, "1.2.3"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME1"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.WindowCenter, dataset.WindowWidth = 2048, 4096
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OW"
    return dataset


def convert_alone(path: Path, to: str) -> bytes:
    """Do what one would with Pillow and pydicom alone."""
    if path.suffix == ".dcm":
        import pydicom
        from pydicom.pixels import apply_modality_lut, apply_voi_lut

        dataset = pydicom.dcmread(path)
        shown = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset)
        levels = (shown / ((1 << dataset.BitsStored) - 1) * 255).round().astype(np.uint8)
        image = Image.fromarray(255 - levels)
    else:
        image = Image.open(path)
        if image.mode.startswith("I"):
            values = np.asarray(image)
            low, high = np.percentile(values, [0.5, 99.5])
            shares = np.clip((values - low) / (high - low), 0, 1)
            image = Image.fromarray((shares * 255).round().astype(np.uint8))
    out = io.BytesIO()
    if to == "png":
        image.save(out, "PNG", compress_level=PNG_LEVEL)
    else:
        image.save(out, "JPEG", quality=95)
    return out.getvalue()


def embed(root: Path, paths: list[Path], work: Path, workers: int) -> None:
    """Convert as ``images=embed`` does."""
    store = ImageStore(roots={"own": root})
    wanted = [Wanted("own", str(p.relative_to(root)), p.stem) for p in paths]
    with open_engine("local", workers) as engine:
        prepared = prepare_images(wanted, store.locate, Encoding(), work, engine=engine)
        for w in wanted:
            assert prepared.embed(w.source, w.image) is not None


def export(root: Path, paths: list[Path], work: Path, workers: int) -> None:
    """Convert as the webdataset export does."""
    places = ImagePlaces(work, work, ImageStore(roots={"own": root}))
    images = [("own", str(p.relative_to(root))) for p in paths]
    with open_engine("local", workers) as engine:
        assert all(data is not None for data in places.read(images, engine=engine))


def measure(run: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds, and the processor seconds of this process, that something takes."""
    start, before = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - start, time.process_time() - before


def compare(root: Path, paths: list[Path]) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """Yield (what, (seconds, processor seconds): alone, one process, two)."""
    for what, to, ours in (("embed", "png", embed), ("export", "jpeg", export)):
        times = [measure(partial(_convert_all_alone, paths, to))]
        for workers in (1, 2):
            with tempfile.TemporaryDirectory() as work:
                times.append(measure(partial(ours, root, paths, Path(work), workers)))
        yield what, times


def _convert_all_alone(paths: list[Path], to: str) -> None:
    for path in paths:
        convert_alone(path, to)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", type=float, default=1.0, help="Share of the files.")
    scale = parser.parse_args().scale
    print(describe_machine())
    print("images a second (MB of originals a second); ratio to Pillow and pydicom alone in one process")
    heads = f"{'kind':<10} {'job':<7} {'files':>6} {'alone':>14} {'one process':>20} {'two processes':>20}"
    print(f"{heads} {'CPU':>6}")
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        for kind, paths in write_files(root, scale).items():
            megabytes = sum(p.stat().st_size for p in paths) / 1e6
            convert_alone(paths[0], "png")
            for what, ((alone, cpu), *ours) in compare(root, paths):
                cells = [f"{len(paths) / alone:>6.1f} ({megabytes / alone:>4.1f})"]
                cells += [f"{len(paths) / t:>6.1f} ({megabytes / t:>4.1f}) x{alone / t:.2f}" for t, _ in ours]
                row = f"{kind:<10} {what:<7} {len(paths):>6} {cells[0]:>14} {cells[1]:>20} {cells[2]:>20}"
                print(f"{row} {ours[0][1] / cpu:>6.2f}", flush=True)


if __name__ == "__main__":
    main()
