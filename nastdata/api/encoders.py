"""Models as Python objects: anything with ``encode_image`` and ``encode_text``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from nastdata.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image

    from nastdata.models.base import DualEncoder


@runtime_checkable
class Encoder(Protocol):
    """What ``nastdata.evaluate`` needs of a model. Features may have any length; they are normalised."""

    def encode_image(self, images: list[Image]) -> Any:
        """Return (n, dim) features of n PIL images (8-bit, grey or RGB): array, tensor or nested list."""
        ...

    def encode_text(self, texts: list[str]) -> Any:
        """Return (n, dim) features of n texts, of the same dim as the images'."""
        ...


class WrappedEncoder:
    """A PyTorch model whose methods take tensors, with what makes tensors of images and texts.

    Args:
        model: Has ``encode_image(pixels)`` and ``encode_text(tokens)``, as models of open_clip and of
            OpenAI's ``clip`` have.
        preprocess: PIL image -> (channels, height, width) tensor.
        tokenize: List of n texts -> (n, length) tensor of token ids.
        device: Where the model is, such as ``cuda``.

    Example:
        >>> import nastdata, open_clip
        >>> model, _, preprocess = open_clip.create_model_and_transforms("RN50")
        >>> encoder = nastdata.WrappedEncoder(model, preprocess, open_clip.get_tokenizer("RN50"))
        >>> encoder.encode_text(["no effusion"]).shape
        torch.Size([1, 1024])
    """

    def __init__(
        self,
        model: Any,
        preprocess: Callable[[Image], Any],
        tokenize: Callable[[Sequence[str]], Any],
        device: str = "cpu",
    ) -> None:
        self.model, self.preprocess, self.tokenize, self.device = model, preprocess, tokenize, device
        if callable(getattr(model, "eval", None)):
            model.eval()

    def encode_image(self, images: list[Image]) -> Any:
        """Return (n, dim) features of n PIL images."""
        import torch

        pixels = torch.stack([self.preprocess(image.convert("RGB")) for image in images])
        return self.model.encode_image(pixels.to(self.device))

    def encode_text(self, texts: list[str]) -> Any:
        """Return (n, dim) features of n texts."""
        return self.model.encode_text(self.tokenize(texts).to(self.device))


def make_encoder(model: Any, name: str) -> DualEncoder:
    """Return a dual encoder for an object with ``encode_image`` and ``encode_text``.

    Raises:
        UserError: if a method is missing.
    """
    from nastdata.models.python_object import NEEDED, PythonEncoder

    missing = [m for m in NEEDED if not callable(getattr(model, m, None))]
    if missing:
        raise UserError(
            f"a {type(model).__name__} has no {' and no '.join(missing)}",
            where="model",
            how="give a name such as 'open_clip:ViT-B-32@openai', or an object with encode_image(list of PIL "
            "images) and encode_text(list of texts), each -> (n, dim)",
        )
    encoder: Any = PythonEncoder(name, model)
    found: DualEncoder = encoder
    return found
