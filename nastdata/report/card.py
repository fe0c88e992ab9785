"""The dataset card: ``README.md`` with the YAML head that the Hub and ``load_dataset`` read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
import yaml

from nastdata.frames import config_schema
from nastdata.images.find import IMAGE_COLUMNS
from nastdata.records import SPLITS
from nastdata.report.columns import COLUMN_NOTES
from nastdata.report.describe import Config, Description
from nastdata.terms import slugify

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
TASKS = {
    "mednega": "visual-question-answering",
    "contextual_claims": "zero-shot-image-classification",
    "contextual_captions": "image-feature-extraction",
    "probes": "feature-extraction",
    "opposition": "image-feature-extraction",
    "protocols": "visual-question-answering",
}

LOAD = """```python
from datasets import load_dataset

rows = load_dataset("PATH_OR_REPO", "{config}")
```"""


def render_card(about: Description) -> str:
    """Return the card's text: YAML head, then what it is, how to load it, how it was made, what it isn't."""
    head = yaml.safe_dump(make_head(about), sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{head}---\n\n{_render_body(about)}"


def make_head(about: Description) -> dict[str, Any]:
    """Return the YAML head as data."""
    head: dict[str, Any] = {
        "pretty_name": about.title,
        "language": ["en"],
        "license": about.terms.licence_id,
    }
    if about.terms.licence_id == "other":
        head["license_name"] = slugify(about.terms.licence_name)
        if about.terms.licence_links:
            head["license_link"] = about.terms.licence_links[0]
    head |= {
        "tags": [*about.keywords],
        "task_categories": sorted({TASKS[c.name] for c in about.configs}),
        "size_categories": [next((name for top, name in SIZES if about.rows < top), "1M<n<10M")],
        "configs": [_list_files(c) for c in about.configs if c.splits],
        "dataset_info": [_list_features(c, about.embedded) for c in about.configs if c.splits],
    }
    return head


def _list_files(config: Config) -> dict[str, Any]:
    files = [{"split": s, "path": f"data/{config.name}/{s}-*.parquet"} for s in config.splits]
    return {"config_name": config.name, "data_files": files}


def _list_features(config: Config, embedded: bool) -> dict[str, Any]:
    features = [
        {"name": k, "dtype": "image"} if embedded and k in IMAGE_COLUMNS else {"name": k, **_feature(t)}
        for k, t in config_schema(config.name).items()
    ]
    splits = [
        {"name": s, "num_bytes": config.arrow_bytes[s], "num_examples": config.rows[s]}
        for s in config.splits
        if s in config.arrow_bytes
    ]
    return {
        "config_name": config.name,
        "features": features,
        "splits": splits,
        "dataset_size": sum(s["num_bytes"] for s in splits),
    }


def _feature(dtype: Any) -> dict[str, Any]:
    """Translate a polars type into the card's notation of features."""
    if isinstance(dtype, pl.List):
        inner = _feature(dtype.inner)
        if set(inner) == {"dtype"}:
            return {"list": inner["dtype"]}
        return {"list": inner.get("struct", inner)}
    if isinstance(dtype, pl.Struct):
        return {"struct": [{"name": f.name, **_feature(f.dtype)} for f in dtype.fields]}
    return {"dtype": "int64" if dtype == pl.Int64 else "string"}


def _render_body(about: Description) -> str:
    first = next((c for c in about.configs if c.splits), None)
    parts = [
        f"# {about.title}",
        about.summary,
        "**Not for clinical use.** " + about.terms.statement,
        "## Load",
        LOAD.format(config=first.name) if first else "",
        "" if about.embedded else _tell_images(),
        "## Rows",
        _table(
            ("config", *SPLITS), [(c.name, *(f"{c.rows.get(s, 0):,}" for s in SPLITS)) for c in about.configs]
        ),
        *(_render_columns(c) for c in about.configs if c.splits),
        "## Made from",
        _bullets(about.origin),
        "## How it was made",
        _bullets(about.method),
        "## Can it be solved without the image?",
        "Solvers that see the text only, with whole groups and patients held out:\n\n" + _bullets(about.audit)
        if about.audit
        else "No audit was run on this build.",
        "## Review",
        _bullets(about.review),
        "## Limits",
        _bullets([*about.limits, *about.biases]),
        "## Personal data",
        _bullets(about.private),
        "## Intended use",
        _bullets(about.uses),
        "## Out of scope",
        _bullets(about.not_for),
        "## Terms of use",
        about.terms.statement,
        _bullets(about.terms.licence_links),
        "## Cite",
        _bullets(about.citations),
        "`report.html` shows counts, examples and audit figures; `manifest.json` has the recipe, versions, "
        "inputs and the sha256 of every file; `rejects.parquet` has what was left out, and why.",
    ]
    return "\n\n".join(p for p in parts if p) + "\n"


def _tell_images() -> str:
    return (
        "Images are not included: `image` is a path under the source's own image folder. "
        "`nastdata.attach_images(rows, {SOURCE: FOLDER})` finds them in your copy and lists what is missing."
    )


def _render_columns(config: Config) -> str:
    rows = [(f"`{k}`", COLUMN_NOTES[k]) for k in config_schema(config.name)]
    return f"### {config.name}\n\n{config.note}\n\n" + _table(("column", "meaning"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(c) for c in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _bullets(items: Sequence[str]) -> str:
    return "\n".join("- " + " ".join(i.split()) for i in items)
