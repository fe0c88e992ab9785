"""The ``train`` recipe: everything that decides a fine-tuning run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from nastdata.recipe import Settings, Share

ObjectiveName = Literal[
    "nast", "clip", "con1", "con2", "conclip", "negclip", "mcq", "two_way", "groups", "mixed"
]


class LoraSettings(Settings):
    """Low-rank adapters in the text tower's attention and MLP; the image tower stays as it is."""

    rank: int = Field(8, ge=1)
    alpha: float = Field(16.0, gt=0)
    dropout: Share = 0.0


class Retrace(Settings):
    """A second trace in the middle of a run."""

    probes: Path
    """Dataset folder with probes; its split ``train`` is traced."""
    at: Share = 0.5
    """Share of the steps after which it is made."""
    limit: int | None = Field(1000, ge=1)
    """Most pairs."""
    threshold: float = Field(0.01, ge=0)


class LayerSettings(Settings):
    """How much each layer learns, by its tracing effect (arXiv 2602.12498) or by weights of your own."""

    trace: Path | None = None
    """Folder of `nastdata trace`; without one, and without ``weights``, every layer learns alike."""
    weights: tuple[Annotated[float, Field(ge=0)], ...] | None = None
    """Weights of your own instead of a trace's: one for each block of the text tower, the first first."""
    scale: Literal["lr", "gradient", "none"] = "lr"
    """``lr``: a learning rate a layer; ``gradient``: the paper's rule, which Adam undoes; ``none``."""
    beta: float = Field(1.0, ge=0)
    """Sharpness: layer l gets alpha_l ** beta."""
    direction: Literal["noising", "denoising"] = "noising"
    estimator: Literal["mean_of_ratios", "ratio_of_means", "robust"] = "robust"
    """``robust``: a mean of ratios that gives pairs with d near zero little weight."""
    clip_negative: bool = True
    """Take negative effects as none."""
    normalise: Literal["min_max", "mean_one"] = "min_max"
    """``min_max``: from 0 to 1, the paper's rule; ``mean_one``: the mean learning rate stays the recipe's."""
    temperature: float = Field(1.0, gt=0)
    """Above 1 weights are evened out, below 1 sharpened: alpha ** (1 / temperature)."""
    floor: Share = 0.1
    """Least weight of a block beside the largest; 0 lets the least block freeze, as in the paper."""
    level: Literal["layer", "head"] = "layer"
    """``head``: each head of a block learns by its own effect; the block's other weights by their mean."""
    retrace: Retrace | None = None
    """Trace again midway, and go on with weights of the second trace."""
    above_control: bool = False
    """Take what exceeds towers with shuffled weights (image-free effects) instead of the effect itself."""

    @model_validator(mode="after")
    def _one_origin(self) -> LayerSettings:
        if self.weights is not None and self.trace is not None:
            raise ValueError("weights and trace exclude each other")
        if self.weights is not None and not any(w > 0 for w in self.weights):
            raise ValueError("weights has no weight above 0")
        if self.level == "head" and (self.above_control or self.direction == "denoising"):
            raise ValueError("heads are traced by noising only, and without a control")
        if self.level == "head" and self.weights is not None:
            raise ValueError("weights of your own are one for each block: level must be layer")
        if self.level == "head" and self.scale == "gradient":
            raise ValueError("heads are weighted by their learning rate: scale must be lr or none")
        if self.retrace is not None and self.trace is None:
            raise ValueError("retrace needs a first trace")
        return self


class LossSettings(Settings):
    """Of the objective."""

    captions: Share = 0.5
    """Lambda: share of the caption loss; the rest is the claim loss (mcq: the questions')."""
    groups: Share = 0.5
    """Of ``mixed``: share of the loss of MedNega groups; the rest is that of nast."""
    mask_same: bool = True
    """Leave in-batch negatives that state the same facts as the positive out of the loss."""
    scale: float | None = Field(None, gt=0)
    """Inverse temperature; the model's own if null (con2: 1 / 0.07)."""


class TrainRecipe(Settings):
    """Fine-tuning of a dual encoder's text tower on a dataset folder."""

    recipe: Literal["train"]
    model: str = ""
    """E.g. open_clip:ViT-B-32@openai, open_clip:hf-hub:ORG/NAME, open_clip:FOLDER, transformers:FOLDER."""
    data: Path | None = None
    """Dataset folder."""
    more_data: tuple[Path, ...] = ()
    """Further folders, for what ``data`` lacks: MedNega beside a contextual dataset (mcq, mixed)."""
    images: dict[str, Path] = Field(default_factory=dict)
    """Source -> image root; phantom radiographs are drawn if it is not given."""
    phantom_size: int = Field(128, ge=16)
    objective: ObjectiveName = "nast"
    """nast: captions and claims; clip: captions; groups: MedNega blocks; mixed: nast and groups; con1, con2,
    conclip, negclip, mcq, two_way: published rivals."""
    method: Literal["lora", "linear", "flip", "rewrite", "ensemble"] = "lora"
    """lora: adapters in the text tower; linear: a linear map behind the tower; flip, rewrite, ensemble: rules
    that read the negation and learn nothing (``docs/train.md``)."""
    lora: LoraSettings = LoraSettings()
    layers: LayerSettings = LayerSettings()
    loss: LossSettings = LossSettings()
    epochs: float = Field(5.0, gt=0)
    steps: int | None = Field(None, ge=1)
    """Optimizer steps; overrides ``epochs``."""
    batch_size: int = Field(64, ge=2)
    """Captions (quadruplets; MedNega items) in a step."""
    items: int | None = Field(None, ge=1)
    """MedNega items in a step where there are captions too (mcq, mixed); ``batch_size`` if null."""
    claim_sets: int = Field(64, ge=1)
    """Claim sets in a step (nast, negclip, mixed)."""
    accumulate: int = Field(1, ge=1)
    """Batches added up for one optimizer step."""
    optimizer: Literal["adamw", "sgd"] = "adamw"
    """``sgd`` (momentum 0.9) needs a far higher learning rate; on it ``scale: gradient`` has an effect."""
    learning_rate: float = Field(5e-4, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    warmup: Share = 0.05
    """Share of the steps over which the learning rate rises; it falls as a cosine afterwards."""
    clip_norm: float | None = Field(1.0, gt=0)
    amp: Literal["none", "bf16", "fp16"] = "none"
    """Of the forward pass; under fp16 the loss is scaled, and steps that overflow are left out."""
    device: str = "cpu"
    seed: int = 0
    validate_every: int = Field(50, ge=1)
    """Steps between validations (and checkpoints)."""
    patience: int | None = Field(None, ge=1)
    """Validations without improvement after which a run ends; null: never early."""
    log: Literal["none", "tensorboard"] = "none"
    """Events for TensorBoard beside ``log.jsonl``, which is always written."""
    cache: Path | None = Path(".nastdata-cache")
    """Where image features are kept; null: nowhere."""

    @model_validator(mode="after")
    def _layers_need_lora(self) -> TrainRecipe:
        if self.method != "lora" and (self.layers.trace is not None or self.layers.weights is not None):
            raise ValueError(f"layer weights mean nothing to method {self.method}: only lora changes layers")
        return self
