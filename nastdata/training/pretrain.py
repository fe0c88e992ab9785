"""Pretraining of the small scratch model on phantom images, until it shows the affirmative bias.

Captions tell what is there; what is not there they nearly always tell by its affirmative name ("sharp
costophrenic angles"), and as a negation in a few per cent only, as captions of the web do.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nastdata.errors import UserError
from nastdata.models.small_clip import MEAN, STD, make_encoder
from nastdata.models.text_features import TextReader
from nastdata.ontology import Ontology, load_ontology
from nastdata.progress import Progress
from nastdata.records import Fact
from nastdata.seeded import draw_int
from nastdata.training.checkpoints import clear_checkpoints, read_checkpoint, write_checkpoint
from nastdata.training.losses import compute_clip
from nastdata.training.objectives.base import Sampler, compare
from nastdata.writing.grammar.facts import FactGrammar

MAX_SCALE = 100.0
"""Highest logit scale, as CLIP has it."""


@dataclass(frozen=True)
class PretrainSettings:
    """What decides a pretrained model."""

    steps: int = 900
    batch_size: int = 128
    patients: int = 3000
    seed: int = 1000
    """Of model, captions and patients; data to be judged by must come from another seed."""
    learning_rate: float = 1e-3
    weight_decay: float = 0.1
    negated: float = 0.03
    """Share of captions that hold a negation."""
    normal: float = 0.3
    """Share of captions that tell an absence by its affirmative name."""
    size: int = 64
    every: int = 50
    """Steps between checkpoints."""
    text: dict[str, int] = field(default_factory=dict)
    """Changes to the text tower (layers, width, heads)."""
    vision: dict[str, Any] = field(default_factory=dict)
    """Changes to the image tower (``timm_model_name``)."""

    @property
    def key(self) -> str:
        """Return the sha256 of the settings."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Shown:
    """One study: where it is, what it shows, and of what its report tells the absence."""

    image: str
    shown: tuple[Fact, ...]
    absent: tuple[str, ...]


def pretrain(settings: PretrainSettings, out: Path, progress: Progress) -> dict[str, Any]:
    """Train from scratch with the symmetric CLIP loss; write ``model/`` and ``pretrain.json``.

    Args:
        settings: The run.
        out: Its folder; an interrupted run is taken up again, to the same numbers.
        progress: Where to tell.

    Returns:
        What ``pretrain.json`` holds.

    Raises:
        UserError: if a checkpoint of other settings lies there, or the loss is not a number.
    """
    out.mkdir(parents=True, exist_ok=True)
    ontology = load_ontology("chest_xray")
    studies = list_images(ontology, settings)
    pixels = _draw(studies, settings)
    vision = {**settings.vision, "image_size": settings.size}
    encoder = make_encoder(settings.seed, vision, **settings.text)
    # images of three equal channels go through a convnet on a CPU faster with the channels innermost
    encoder.model.visual.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(
        encoder.model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    step, history = _resume(out, settings, encoder.model, optimizer, progress)
    reader, sampler = (
        TextReader(encoder),
        Sampler(len(studies), settings.batch_size, settings.seed, "films"),
    )
    writer = CaptionWriter(ontology, settings)
    encoder.model.train()
    while step < settings.steps:
        rows = sampler.draw(step)
        texts = [writer.write(studies[i], step, place) for place, i in enumerate(rows)]
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * cycle(step, settings.steps)
        optimizer.zero_grad(set_to_none=True)
        images = encoder.encode_images(_normalise(pixels[rows]))
        scale: Any = encoder.model.logit_scale.exp()
        loss = compute_clip(images, reader.encode(texts), scale, compare(texts, texts))
        value = float(loss.detach())
        if not math.isfinite(value):
            raise UserError(f"the pretraining loss is {value} at step {step + 1}", how="lower learning_rate")
        loss.backward()
        torch.nn.utils.clip_grad_norm_(encoder.model.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            encoder.model.logit_scale.clamp_(0, math.log(MAX_SCALE))
        step += 1
        if step % settings.every == 0 or step == settings.steps:
            history.append({"step": step, "loss": value})
            state = {"step": step, "key": settings.key, "history": history}
            models = {"model": encoder.model.state_dict(), "optimizer": optimizer.state_dict()}
            write_checkpoint(out, state | models)
            progress.say(f"  step {step:,}/{settings.steps:,}  loss {value:.4f}")
    encoder.model.eval()
    about = {"settings": asdict(settings), "key": settings.key, "studies": len(studies), "history": history}
    about["model"] = encoder.save(out / "model")
    (out / "pretrain.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    clear_checkpoints(out)
    return about


class CaptionWriter:
    """Words images: one or two of the findings that are there, rarely what is not."""

    def __init__(self, ontology: Ontology, settings: PretrainSettings) -> None:
        self.ontology, self.settings = ontology, settings
        grammar = FactGrammar(ontology)

        @cache
        def list_texts(fact: Fact) -> tuple[str, ...]:
            return tuple(s.text for s in grammar.list_sentences(fact))

        self.list_texts = list_texts

    def write(self, study: Shown, *keys: int) -> str:
        """Return a caption; equal arguments give an equal one."""
        rng = np.random.Generator(np.random.PCG64(draw_int(self.settings.seed, "caption", *keys)))
        told = [study.shown[i] for i in rng.permutation(len(study.shown))[: rng.integers(1, 3)]]
        sentences = [self._say(_shorten(fact, int(rng.integers(4))), rng) for fact in told]
        chance = rng.random()
        if study.absent and chance < self.settings.negated:
            sentences.append(self._say(Fact(str(rng.choice(study.absent)), "absent"), rng))
        elif study.absent and chance < self.settings.negated + self.settings.normal:
            sentences.append(self._name_normal(str(rng.choice(study.absent))))
        if not sentences:
            names = study.absent or tuple(c.name for c in self.ontology.conditions)
            sentences.append(self._name_normal(str(rng.choice(names))))
        return " ".join(sentences[i] for i in rng.permutation(len(sentences)))

    def _say(self, fact: Fact, rng: np.random.Generator) -> str:
        texts = self.list_texts(fact)
        return texts[int(rng.integers(len(texts)))]

    def _name_normal(self, condition: str) -> str:
        text = self.ontology.narrowest_phrase(condition).text
        return f"{text[0].upper()}{text[1:]}."


def list_images(ontology: Ontology, settings: PretrainSettings) -> list[Shown]:
    """Return the studies of the settings' phantom patients."""
    from nastdata.sources.phantom.source import draw_phantoms

    drawn = draw_phantoms(ontology, settings.seed, settings.patients)
    shown: dict[str, list[Fact]] = {image: [] for image in drawn.labels["image"]}
    absent: dict[str, list[str]] = {image: [] for image in shown}
    columns = ["image", "condition", "existence", "location", "severity"]
    for image, condition, existence, place, grade in drawn.facts.select(columns).iter_rows():
        if existence == "present":
            shown[image].append(Fact(condition, "present", place, grade))
        else:
            absent[image].append(condition)
    return [Shown(image, tuple(facts), tuple(absent[image])) for image, facts in shown.items()]


def cycle(step: int, steps: int, rise: float = 0.3, start: float = 0.04) -> float:
    """Return the share of the learning rate at a step: up as a cosine over ``rise``, then down to 0."""
    top = max(1, round(rise * steps))
    if step < top:
        return start + (1 - start) * 0.5 * (1 - math.cos(math.pi * step / top))
    return 0.5 * (1 + math.cos(math.pi * (step - top) / max(1, steps - top)))


def _shorten(fact: Fact, how: int) -> Fact:
    """Leave off grade (1), place (2) or both (3)."""
    place = fact.location if how in (0, 1) else None
    return Fact(fact.condition, "present", place, fact.severity if how in (0, 2) else None)


def _draw(studies: Sequence[Shown], settings: PretrainSettings) -> npt.NDArray[np.uint8]:
    """(studies, size, size)."""
    from nastdata.images.phantom import find_phantom_images

    drawer = find_phantom_images("chest_xray", settings.seed, settings.patients, settings.size)
    out = np.empty((len(studies), settings.size, settings.size), dtype=np.uint8)
    for i, study in enumerate(studies):
        order = drawer.order(study.image)
        if order is None:
            raise AssertionError(f"no phantom {study.image}")
        out[i] = order.draw()
    return out


def _normalise(pixels: npt.NDArray[np.uint8]) -> Tensor:
    """What the model's own preprocessing does to an image of its size: (batch, 3, size, size)."""
    grey = (torch.from_numpy(pixels).float() / 255 - MEAN[0]) / STD[0]
    return grey[:, None].expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


def _resume(
    out: Path, settings: PretrainSettings, model: Any, optimizer: Any, progress: Progress
) -> tuple[int, list[dict[str, float]]]:
    state, damaged = read_checkpoint(out)
    for name in damaged:
        progress.say(f"  {out / name} is damaged and left aside")
    if state is None:
        return 0, []
    if state["key"] != settings.key:
        raise UserError("a checkpoint of other settings is here", where=str(out), how="choose another --out")
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    progress.say(f"  taken up again at step {state['step']:,}")
    return int(state["step"]), list(state["history"])
