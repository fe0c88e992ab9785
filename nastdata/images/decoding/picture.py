"""What comes out of an image file: pixels, and what was done to get them; or why there are none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""(height, width) grey or (height, width, 3) red, green, blue; 0 is black."""

STEPS: dict[str, str] = {
    "rotated": "turned upright as its EXIF orientation says",
    "alpha": "alpha channel laid over black",
    "palette": "palette resolved",
    "colour space": "another colour space than RGB converted",
    "grey": "three equal channels reduced to one",
    "modality": "stored values brought to the modality's units (rescale or modality LUT)",
    "VOI LUT": "the header's VOI lookup table applied",
    "window": "the header's window applied",
    "window not usable": "the header's window is no window; percentiles used instead",
    "window too narrow": "the header's window leaves black and white only; percentiles used instead",
    "percentiles": "no window: the 0.5th percentile made black, the 99.5th white",
    "one level": "all pixels have the same value: made black",
    "upper bits": "deep colour reduced to its upper 8 bits",
    "inverted": "inverted, since low values mean white (MONOCHROME1, WhiteIsZero)",
    "padding": "padding pixels made black and left out of the percentiles",
    "overlay": "overlay planes left out",
    "shrunk": "made smaller, to `images.max_side`",
}
"""Conversion -> what it means, in the order in which they are applied."""

REASONS: dict[str, str] = {
    "not found": "no such file under the image root",
    "outside of the root": "a link or path that leads out of the image root",
    "not an image": "the content is no image, whatever the name says",
    "damaged": "an image file that can't be decoded",
    "cut short": "an image file that ends too early",
    "too large": "more pixels or bytes than any radiograph has",
    "zero size": "no pixels",
    "several frames": "a series or an animation; one picture is needed",
    "a volume": "NIfTI and the like; export slices or radiographs as PNG or DICOM first",
    "not a picture": "a DICOM object without pixels (a report, a presentation state)",
    "not supported": "a format or pixel type that is not read",
    "needs an extra": "an optional library is missing",
    "burnt-in text": "the header says that text is burnt into the picture, which can't be removed",
}
"""Reason -> what it means. These, and no text out of a header, are what logs and manifests show."""


class UnusableImageError(Exception):
    """An image that can't be used: one of ``REASONS``, and a detail that quotes nothing from a header."""

    def __init__(self, reason: str, detail: str = "") -> None:
        if reason not in REASONS:
            raise KeyError(reason)
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason} ({detail})" if detail else reason)

    def __reduce__(self) -> tuple[type[UnusableImageError], tuple[str, str]]:
        """Travel between processes."""
        return type(self), (self.reason, self.detail)


@dataclass(frozen=True)
class Picture:
    """One decoded image."""

    pixels: Pixels
    kind: str
    """Format of the file: PNG, JPEG, TIFF, WebP, DICOM ..."""
    bits: int = 8
    """Bits that a sample has in the file."""
    steps: tuple[str, ...] = ()
    """Which of ``STEPS`` were taken."""
    burnt_in: bool = False
    """Whether the header says that text is burnt into the pixels."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return self.pixels.shape[1], self.pixels.shape[0]


@dataclass(frozen=True)
class Header:
    """What an image file says of itself before a pixel is decoded."""

    kind: str
    bits: int
    burnt_in: bool = False
    plain: bool = False
    """Whether every reader opens the file to the pixels that we do: 8 bits, grey or RGB, upright."""


def is_grey(pixels: Pixels) -> bool:
    """Whether the three channels of an image are equal."""
    first = pixels[..., 0]
    return bool((first == pixels[..., 1]).all() and (first == pixels[..., 2]).all())
