"""Recipes: everything that decides what a build makes, in one typed, checked, fingerprinted object.

A recipe is a YAML file whose ``recipe`` key names its kind. Unknown keys are forbidden, and all mistakes
are told at once, with the nearest known key.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from nastdata.errors import UserError, name_nearest
from nastdata.registry import list_adapters
from nastdata.resources import find_resource
from nastdata.text_input.yaml_files import parse_yaml, read_yaml

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Settings(BaseModel):
    """Base of every part of a recipe."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SplitShares(Settings):
    """Shares of patients in each split; patients are assigned by a hash of their id."""

    train: Share = 0.8
    validation: Share = 0.1
    test: Share = 0.1
    keep_own: bool = False
    """Use the corpus's own split where it has one (MIMIC-CXR)."""

    @model_validator(mode="after")
    def _sum_to_one(self) -> SplitShares:
        if abs(self.train + self.validation + self.test - 1.0) > 1e-9:
            raise ValueError("train, validation and test must add up to 1")
        return self

    @property
    def by_name(self) -> dict[str, float]:
        """Split -> its share."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


class Prices(Settings):
    """Price of a million tokens, in the currency of your bill; unknown is null, never guessed."""

    input: float | None = None
    output: float | None = None


class Attestation(Settings):
    """What the user warrants about an LLM service before restricted data may be sent to it."""

    zero_retention: bool = False
    no_training: bool = False
    no_human_review: bool = False
    attested_by: str | None = None

    @property
    def complete(self) -> bool:
        """Whether all three warranties are given, and by whom."""
        return self.zero_retention and self.no_training and self.no_human_review and bool(self.attested_by)


def _know(value: str, known: list[str]) -> str:
    """Return a value that is one of the registered names, or refuse it as pydantic refuses a literal."""
    if value not in known:
        names = [f"'{k}'" for k in known]
        raise ValueError(f"Input should be {', '.join(names[:-1])} or {names[-1]}")
    return value


class WriterSettings(Settings):
    """Who words the statements, and how."""

    realizer: str = "template"
    """``template``, ``openai``, ``local``, or a plug-in's (entry points ``nastdata.writers``)."""
    wordings: int = Field(64, ge=1, le=10_000)
    """Wordings made of each distinct statement; rows pick one by a hash."""
    per_item: bool = False
    """Ask once per study, as in the paper, instead of once per distinct statement."""
    base_url: str | None = None
    own_server: str | None = None
    """Of ``openai``: why restricted study rows may go to ``base_url``, a server on your own network, and who
    says so. The statement is recorded in the manifest and shown in the card."""
    model: str | None = None
    revision: str | None = None
    """Of ``openai``: your name for the weights behind ``model``; answers of other weights are not used."""
    backend: Literal["transformers", "llamacpp"] = "transformers"
    """Of ``local``."""
    constraint: Literal["grammar", "vocabulary"] = "grammar"
    """Of ``local``: the sentence plans, or the looser closed vocabulary."""
    bound: bool = False
    """Of ``openai``: a schema lets the model pick among sentences of the grammar and say nothing else."""
    temperature: float = Field(0.8, ge=0.0, le=2.0)
    top_p: float = Field(1.0, gt=0.0, le=1.0)
    max_tokens: int = Field(2048, ge=1)
    seed: int | None = None
    """Sampling seed sent to the model; the recipe's seed if null."""
    batch_size: int = Field(16, ge=1)
    """Of ``local``: wordings of one statement that are generated together."""
    max_concurrency: int = Field(32, ge=1)
    timeout: float = Field(60.0, gt=0)
    """Seconds that one request may take."""
    max_retries: int = Field(8, ge=0)
    max_attempts: int = Field(3, ge=1)
    """Times that a text is asked for when the validator refuses it."""
    on_failure: Literal["template", "reject"] = "template"
    """What becomes of a statement that the model can't word: the template's words, or a rejected row."""
    max_fallback: float = Field(0.05, ge=0.0, le=1.0)
    """Highest share of wordings that the model may fail to give; above it a build ends with exit code 1."""
    stop_after: int = Field(20, ge=1)
    """Unusable answers in a row (blank, cut off, not JSON, refused) after which no more is asked."""
    max_calls: int | None = Field(None, ge=0)
    """Of one run; what was answered before is free."""
    max_cost: float | None = Field(None, ge=0)
    """Of one run, in the currency of ``prices``."""
    prices: Prices = Prices()
    batch_api: bool = False
    """Of ``openai``: put questions as batch jobs, which may take a day and are billed at the batch price."""
    batch_requests: int = Field(50_000, ge=1, le=50_000)
    """Highest number of questions in one batch job."""
    batch_poll: float = Field(60.0, gt=0)
    """Longest time in seconds between two looks at batch jobs; the first looks are closer together."""
    cache: Path | None = None
    """SQLite file of answers; in the user's cache folder if null."""
    attestation: Attestation = Attestation()

    @field_validator("realizer")
    @classmethod
    def _know_realizer(cls, value: str) -> str:
        return _know(value, list(list_adapters("nastdata.writers")))


ReaderKind = Literal["rules", "model", "both"]
"""Who reads reports: the rules, a language model, or both, when a fact enters only if they agree."""


class SecondReaderSettings(Settings):
    """The language model that reads reports, where ``reader`` is ``model`` or ``both``."""

    provider: Literal["openai", "local"] = "openai"
    """An OpenAI-compatible server, or a model in this process."""
    base_url: str | None = None
    model: str | None = None
    revision: str | None = None
    """Of ``openai``: your name for the weights behind ``model``; answers of other weights are not used."""
    backend: Literal["transformers", "llamacpp"] = "transformers"
    """Of ``local``."""
    temperature: float = Field(0.0, ge=0.0, le=2.0)
    max_tokens: int = Field(2048, ge=1)
    seed: int | None = None
    """Sampling seed sent to the model; the recipe's seed if null."""
    max_concurrency: int = Field(32, ge=1)
    timeout: float = Field(120.0, gt=0)
    """Seconds that one request may take."""
    max_retries: int = Field(8, ge=0)
    max_attempts: int = Field(2, ge=1)
    """Times that a report is asked about when the answer is unusable."""
    stop_after: int = Field(20, ge=1)
    """Unusable answers in a row after which no more is asked."""
    max_calls: int | None = Field(None, ge=0)
    """Of one run; what was answered before is free."""
    max_cost: float | None = Field(None, ge=0)
    """Of one run, in the currency of ``prices``."""
    prices: Prices = Prices()
    cache: Path | None = None
    """SQLite file of answers; in the user's cache folder if null."""

    def as_writer(self) -> WriterSettings:
        """Return the same as settings of a writer, which the adapters take; study rows are sent."""
        given = {k: getattr(self, k) for k in type(self).model_fields if k != "provider"}
        return WriterSettings(realizer=self.provider, per_item=True, **given)


class AuditSettings(Settings):
    """How hard the blind solvers try during a build (``nastdata audit`` repeats it at full strength)."""

    enabled: bool = True
    seeds: int = Field(1, ge=1)
    folds: int = Field(5, ge=2)
    threshold: Share = 0.27
    """Highest blind accuracy that a balanced MCQ dataset may show (chance is 0.25)."""


class ImageSettings(Settings):
    """The images of a dataset; ``images: embed`` is short for ``images: {mode: embed}``."""

    mode: Literal["none", "path", "embed"] = "path"
    """Leave them out, name their files, or store them in the dataset."""
    views: Literal["frontal", "frontal-only", "lateral", "all"] = "frontal"
    """Which images of a study: see ``docs/images.md``."""
    format: Literal["png", "jpeg", "webp"] = "png"
    """Of embedded images."""
    quality: int = Field(95, ge=1, le=100)
    """Of JPEG and WebP."""
    max_side: int | None = Field(None, ge=16)
    """Pixels of the longer side at most; null: as large as they are."""
    burnt_in: bool = False
    """Keep images whose header says that text is burnt into the picture."""
    max_missing: Share = 0.05
    """Highest share of a source's images that may be missing or unusable before the build stops."""
    template: str | dict[str, str] | None = None
    """Where images are below ``image_root``: "{patient}/{study}/{image}.dcm"; null: the known layouts."""

    @field_validator("template", mode="before")
    @classmethod
    def _take_braces(cls, value: object) -> object:
        """``{image}`` alone is a mapping to YAML."""
        if isinstance(value, dict) and len(value) == 1 and list(value.values()) == [None]:
            return "{" + str(next(iter(value))) + "}"
        return value

    @model_serializer(mode="wrap")
    def _shorten(self, handler: SerializerFunctionWrapHandler) -> Any:
        """Write the mode alone where nothing else was changed, as older recipes have it."""
        usual = type(self)(mode=self.mode)
        return self.mode if self == usual else handler(self)


class BuildRecipe(Settings):
    """What every build has."""

    recipe: str
    source: tuple[str, ...] = ("phantom",)
    data: dict[str, Path] = {}
    """Source name -> file or folder; looked for in the usual places if it isn't named."""
    seed: int = 0
    limit: int | None = Field(None, ge=1)
    """Highest number of items (sets, pairs) to make; balance is kept."""
    ontology: str = "chest_xray"
    images: ImageSettings = ImageSettings()
    image_root: Path | dict[str, Path] | None = None
    """Folder of the images; of several sources, a folder for each (or one for all)."""
    strength: tuple[Literal["exact", "qualified", "broad", "implied"], ...] = ("exact",)
    """How close a source's own term must be to the ontology's condition. ``qualified``: denials of less than
    a finding ("no focal consolidation") are said with their qualifier, in captions; else they are left
    out."""
    closed_world: bool = False
    """Take studies that a source calls normal ("No Finding") as showing none of the conditions it labels."""
    phantom_patients: int = Field(4000, ge=1)
    """Of the ``phantom`` source: how many patients to draw."""
    splits: SplitShares = SplitShares()
    writer: WriterSettings = WriterSettings()
    reader: ReaderKind = "rules"
    """Of sources with reports: who reads them. With ``both`` a fact enters only if rules and model agree."""
    second_reader: SecondReaderSettings = SecondReaderSettings()
    audit: AuditSettings = AuditSettings()
    engine: Literal["local", "ray"] = "local"
    workers: int = Field(0, ge=0)
    """Processes for realisation and validation; 0: as many as there are cores. Never changes a byte."""

    @field_validator("strength")
    @classmethod
    def _keep_exact(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """A qualified denial is said beside plain statements."""
        return ("exact", *value) if set(value) <= {"qualified"} else value

    @field_validator("source", "strength", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        return tuple(s.strip() for s in value.split(",") if s.strip()) if isinstance(value, str) else value

    @field_validator("images", mode="before")
    @classmethod
    def _expand_mode(cls, value: object) -> object:
        return {"mode": value} if isinstance(value, str) else value

    @property
    def image_roots(self) -> dict[str, Path]:
        """Source -> folder of its images."""
        if isinstance(self.image_root, dict):
            return dict(self.image_root)
        return dict.fromkeys(self.source, self.image_root) if self.image_root else {}

    @property
    def image_templates(self) -> dict[str, str]:
        """Source -> where its images are below that folder."""
        given = self.images.template
        return dict.fromkeys(self.source, given) if isinstance(given, str) else dict(given or {})


class MednegaRecipe(BuildRecipe):
    """Paired negated/affirmative multiple-choice questions (``docs/designs.md``)."""

    recipe: Literal["mednega"]
    design: str = "balanced"
    """``balanced``, ``paper``, or a plug-in's (entry points ``nastdata.designs`` named ``mednega.NAME``)."""
    items_per_study: int = Field(1, ge=1)
    """Of ``balanced``: how many items one study may serve."""
    eligibility: Literal["any", "paper"] = "any"
    """``any``: >= 1 present, >= 1 absent, >= 3 definite; ``paper``: >= 2 present, >= 3 absent, not normal."""
    avoid_contradictions: bool = True
    """Leave out options in which a child finding is present while its parent is absent."""
    avoid_clashes: bool = True
    """Keep affirmative phrases from what they exclude: in their option, and in the study it is right for."""
    equivalents: Literal["open", "strict"] = "open"
    """``open``: nothing known of the study contradicts what a phrase excludes; ``strict``: all of it is known
    to be absent."""
    match_visits: bool = True
    """The four studies of a group are of one source and of about the same visit number ("study3")."""
    min_items_per_triple: int = Field(1, ge=1)
    """Triples of conditions with fewer items in a split are left out of it, and counted."""
    triple_share: float | None = Field(0.05, gt=0.0, le=1.0)
    """Highest share of a split's items that one triple of conditions may have; null: no cap."""

    @model_validator(mode="after")
    def _need_exclusions(self) -> MednegaRecipe:
        if self.equivalents == "strict" and not self.avoid_clashes:
            raise ValueError("equivalents=strict needs avoid_clashes=true")
        return self

    @field_validator("design")
    @classmethod
    def _know_design(cls, value: str) -> str:
        prefix = "mednega."
        known = [n.removeprefix(prefix) for n in list_adapters("nastdata.designs") if n.startswith(prefix)]
        return _know(value, known)


Kind = Literal["none", "existence", "location", "severity"]


class Shares(Settings):
    """How much of what a config holds."""

    max_share: Annotated[float, Field(gt=0.0, le=1.0)] | Literal["auto"] | None = "auto"
    """Highest share of a split's rows that one condition may have. auto: a fifth, or one and a half times
    an even share, whichever is more; null: no cap."""
    mix: dict[Kind, Annotated[float, Field(ge=0.0)]] | Literal["auto"] | None = "auto"
    """Shares of the kinds of negation to aim at, such as {existence: 2, location: 1, severity: 1}; kinds that
    are not named are left out, what the data can't fill is reported. auto: existence 40, location 35,
    severity 15, none 10, as far as the data go; null: as the data have them."""

    @model_validator(mode="after")
    def _something(self) -> Shares:
        if isinstance(self.mix, dict) and not sum(self.mix.values()) > 0:
            raise ValueError("mix names no kind with a share above 0")
        return self


class ClaimSettings(Shares):
    """Claim sets."""

    enabled: bool = True
    k_min: int = Field(5, ge=2)
    k_max: int = Field(7, ge=2)
    k_least: int | None = Field(2, ge=2)
    """Where sets of ``k_min`` claims or more leave a condition with few studies (fewer than 100 in validation
    or test), sets of fewer claims are made about it, down to this many; null: none."""
    balanced: bool = True
    """Closed families whose every member is true for some image, equally often."""
    per_study: int | None = Field(None, ge=1)
    """Highest number of sets about one study; null: 4 in the splits that ``once`` names, 8 in others."""
    once: Literal["held_out", "all"] = "held_out"
    """Where a patient is asked about a finding once, and never about one that implies it or follows from it,
    so that no set gives another away: in validation and test, or in all splits."""
    hard_places: Literal["leave_out", "paired", "keep"] = "paired"
    """Sets that ask about one lobe against another of the same lung, which one frontal image hardly shows:
    of studies that have a lateral image too (paired), of all (keep) or of none."""

    @model_validator(mode="after")
    def _ordered(self) -> ClaimSettings:
        if self.k_max < self.k_min:
            raise ValueError("k_max is less than k_min")
        return self

    @property
    def least(self) -> int:
        """Fewest claims that a set may have."""
        return min(self.k_min, self.k_least or self.k_min)


class CaptionSettings(Shares):
    """Single captions; ``mix`` is of their negated halves."""

    enabled: bool = True
    balanced: bool = True
    """Polarity not predictable from condition, place or grade."""
    affirmative_controls: bool = True


class ContextualRecipe(BuildRecipe):
    """Claim sets and captions in which exactly one attribute is altered (``docs/contextual.md``)."""

    recipe: Literal["contextual"]
    negation_types: tuple[Literal["existence", "location", "severity"], ...] = (
        "existence",
        "location",
        "severity",
    )
    claims: ClaimSettings = ClaimSettings()
    captions: CaptionSettings = CaptionSettings()


class ProbesRecipe(BuildRecipe):
    """Pairs for causal tracing (``docs/designs.md``)."""

    recipe: Literal["probes"]
    tokenizer: str = "open_clip"
    """``open_clip`` (its bundled BPE) or the folder of a Hugging Face tokenizer."""
    present_word: str | None = "severe"
    """Word before the condition in the present caption, for equal token counts; null for none."""
    balanced: bool = True
    """As many pairs with the negation in the correct caption as in the foil, for each condition and
    source."""


class OppositionRecipe(BuildRecipe):
    """Quadruplets for CON2 / CoN-CLIP, and the retrieval prompts of CON (``docs/designs.md``)."""

    recipe: Literal["opposition"]
    conditions: tuple[str, ...] = ()
    """Which conditions; all if empty."""
    styles: tuple[Literal["structured", "natural"], ...] = ("structured", "natural")
    balanced: bool = True
    """As many positive as negative prompts, for each condition and source."""


class ProtocolsRecipe(BuildRecipe):
    """Small questions about one or two findings, paired so that no text gives its answer away."""

    recipe: Literal["protocols"]
    design: Literal["paired", "unpaired"] = "paired"
    """``unpaired``: the presence probe as published (X, another finding, "No X"), which is solved blind."""
    protocols: tuple[Literal["presence", "two_way", "report_alignment"], ...] = (
        "presence",
        "two_way",
        "report_alignment",
    )
    conditions: tuple[str, ...] = ()
    """Which conditions; all if empty."""
    per_condition: Annotated[int, Field(ge=1)] | None = 40
    """Most pairs of images a condition, split and source; null for all."""


IMAGE_PLACES = ("template", "max_missing")
"""Of ``images``: where files are looked for. No part of a dataset."""
PATIENCE = (
    "cache",
    "max_concurrency",
    "timeout",
    "max_retries",
    "batch_api",
    "batch_requests",
    "batch_poll",
    "stop_after",
)
"""Of a writer: where answers are kept and how patiently a server is asked. No part of a dataset."""

GROUP = "nastdata.recipes"
"""Entry points: the kind of a recipe -> its model, imported when asked for."""


def list_builtin() -> list[Path]:
    """Return the recipe files that ship with the package."""
    return sorted(find_resource("recipes").glob("*.yaml"))


def find_recipe(name_or_path: str) -> Path:
    """Return the file of a built-in recipe name, or the path itself.

    Raises:
        UserError: if it is neither.
    """
    builtin = {p.stem: p for p in list_builtin()}
    if name_or_path in builtin:
        return builtin[name_or_path]
    path = Path(name_or_path)
    if path.is_file():
        return path
    hint = name_nearest(name_or_path, builtin)
    raise UserError("no such recipe", where=name_or_path, how=f"{hint}; or give the path of a YAML file")


def load_recipe(name_or_path: str, overrides: Iterable[tuple[str, str]] = ()) -> Any:
    """Load a recipe and apply ``--set``-style overrides.

    Args:
        name_or_path: Built-in name or YAML file.
        overrides: (dotted key, YAML value) pairs; later ones win.

    Raises:
        UserError: with every mistake in the file and the overrides.
    """
    path = find_recipe(name_or_path)
    data = read_yaml(path)
    if not isinstance(data, dict) or "recipe" not in data:
        raise UserError(
            "no 'recipe' key", where=str(path), how="known kinds: " + ", ".join(list_adapters(GROUP))
        )
    for key, value in overrides:
        _set_key(data, key, value)
    return check_recipe(data, where=str(path))


def check_recipe(data: Mapping[str, Any], *, where: str) -> Any:
    """Validate a recipe mapping into the model of its kind.

    Raises:
        UserError: with every mistake, each with its key.
    """
    kind = str(data["recipe"])
    kinds = list_adapters(GROUP)
    if kind not in kinds:
        raise UserError(f"unknown recipe kind '{kind}'", where=where, how=name_nearest(kind, kinds))
    model: type[Settings] = kinds[kind].load()
    try:
        return model.model_validate(dict(data))
    except ValidationError as e:
        raise UserError("; ".join(_tell(err, model) for err in e.errors()), where=where) from e


def _set_key(data: dict[str, Any], key: str, value: str) -> None:
    *parents, last = key.split(".")
    if isinstance(data.get("images"), str):
        data["images"] = {"mode": data["images"]}
    if key == "images" and not value.lstrip().startswith("{"):
        parents, last = ["images"], "mode"
    for p in parents:
        inner = data.setdefault(p, {})
        if not isinstance(inner, dict):
            raise UserError(f"'{p}' holds no settings of its own", where=f"--set {key}")
        data = inner
    try:
        data[last] = parse_yaml(value, f"--set {key}")
    except UserError:
        data[last] = value


def _tell(err: Any, model: type[Settings]) -> str:
    loc = [str(p) for p in err["loc"]]
    key = ".".join(loc)
    if err["type"] == "extra_forbidden":
        return f"unknown key '{key}' ({name_nearest(loc[-1], _keys_at(model, loc[:-1]))})"
    message = err["msg"].removeprefix("Value error, ")
    given = f", not {err['input']!r}" if not isinstance(err["input"], dict) else ""
    near = ""
    if message.startswith("Input should be '") and isinstance(err["input"], str):
        near = _name_near(err["input"], re.findall(r"'([^']*)'", message))
    return f"{key or 'recipe'}: {message[0].lower()}{message[1:]}{given}{near}"


def _name_near(word: str, known: list[str]) -> str:
    """Return ``; did you mean 'x'?``, or nothing where none is near."""
    near = name_nearest(word, known)
    return f"; {near}" if near.startswith("did you mean") else ""


def _keys_at(model: type[BaseModel], loc: list[str]) -> list[str]:
    for part in loc:
        field = model.model_fields.get(part)
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)


def dump_recipe(recipe: Settings) -> dict[str, Any]:
    """Return what a recipe says of a dataset: without where the work runs and where files lie."""
    bare = recipe
    if isinstance(recipe, BuildRecipe):
        usual = ImageSettings()
        places = {name: getattr(usual, name) for name in IMAGE_PLACES}
        bare = recipe.model_copy(update={"images": recipe.images.model_copy(update=places)})
    data = bare.model_dump(mode="json", exclude={"engine", "workers", "data", "image_root"})
    for patience in PATIENCE:
        data.get("writer", {}).pop(patience, None)
        data.get("second_reader", {}).pop(patience, None)
    if data.get("reader") == "rules":
        del data["second_reader"]
    return data


def get_image_mode(recipe: Mapping[str, Any] | None) -> str:
    """Return ``none``, ``path`` or ``embed`` of a recipe as a manifest holds it."""
    images = (recipe or {}).get("images", "path")
    return str(images.get("mode", "path") if isinstance(images, Mapping) else images)


def fingerprint(recipe: Settings) -> str:
    """Return the sha256 of what decides a build's bytes.

    Where the work runs (engine, workers, paths of data, cache) does not enter; what is made does.
    """
    data = dump_recipe(recipe)
    writer = data.get("writer", {})
    second = data.get("second_reader", {})
    for where in ("base_url", "prices"):
        writer.pop(where, None)
        second.pop(where, None)
    if data.get("reader") == "rules":
        del data["reader"]
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
