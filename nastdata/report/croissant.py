"""``croissant.json``: the machine-readable card, Croissant 1.1 with the responsible-AI fields."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import polars as pl

from nastdata.frames import config_schema
from nastdata.images.find import IMAGE_COLUMNS
from nastdata.report.columns import COLUMN_NOTES
from nastdata.report.describe import Config, Description

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The standard context of Croissant 1.1, word for word, since readers compare it."""
CONFORMS = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
PARQUET = "application/x-parquet"


def make_croissant(about: Description, outputs: Mapping[str, str]) -> dict[str, Any]:
    """Return the Croissant description.

    Args:
        about: what the card says too.
        outputs: the folder's files, relative path -> sha256.
    """
    configs = [c for c in about.configs if c.splits]
    terms = about.terms
    licence = (
        [f"https://spdx.org/licenses/{_to_spdx(terms.licence_id)}.html"]
        if terms.licence_id not in ("other", "unknown")
        else [terms.licence_name, *terms.licence_links]
    )
    made: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS,
        "name": about.name,
        "alternateName": about.title,
        "description": about.summary,
        "version": about.version,
        "license": licence,
        "citeAs": "\n".join(about.citations),
        "creator": {"@type": "Organization", "name": "nastdata"},
        "keywords": list(about.keywords),
        "inLanguage": "en",
        "isLiveDataset": False,
        **_date(),
        **_responsible(about),
        "distribution": [
            *(_file(path, sha) for path, sha in sorted(outputs.items()) if path.startswith("data/")),
            *(_file_set(c) for c in configs),
        ],
        "recordSet": [*(_split_names(c) for c in configs), *(_records(c, about.embedded) for c in configs)],
    }
    return made


def _to_spdx(licence_id: str) -> str:
    """The Hub writes identifiers in lower case, SPDX doesn't."""
    return licence_id.upper().replace("APACHE", "Apache").replace("ODBL", "ODbL")


def _date() -> dict[str, str]:
    """The publication date, when the build was given one; the clock would change the bytes."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not epoch.isdigit():
        return {}
    return {"datePublished": datetime.fromtimestamp(int(epoch), UTC).date().isoformat()}


def _responsible(about: Description) -> dict[str, Any]:
    return {
        "rai:dataCollection": " ".join(about.origin) or "Not recorded.",
        "rai:dataCollectionType": ["Secondary Data Analysis", "Software Collection"],
        "rai:dataPreprocessingProtocol": list(about.method),
        "rai:dataAnnotationProtocol": [
            "Labels and facts of the sources; texts made from them by program.",
            *about.review,
        ],
        "rai:dataLimitations": list(about.limits) or ["Not recorded."],
        "rai:dataBiases": [*about.biases, *about.audit],
        "rai:personalSensitiveInformation": list(about.private),
        "rai:dataUseCases": [*about.uses, *(f"Not for {n}" for n in about.not_for)],
        "rai:dataSocialImpact": "A model that reads negation wrongly turns an excluded disease into a "
        "finding. Good figures here do not make a model safe for patients.",
        "rai:dataReleaseMaintenancePlan": f"{about.terms.statement} A build is remade from its recipe, which "
        "manifest.json holds, by the same version of nastdata with the same bytes.",
    }


def _file(path: str, sha256: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path.rpartition("/")[2],
        "contentUrl": path,
        "encodingFormat": PARQUET,
        "sha256": sha256,
    }


def _file_set(config: Config) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"files-{config.name}",
        "name": f"files-{config.name}",
        "description": f"Parquet files of {config.name}, one or more a split.",
        "encodingFormat": PARQUET,
        "includes": f"data/{config.name}/*.parquet",
    }


def _split_names(config: Config) -> dict[str, Any]:
    where = f"{config.name}_splits"
    return {
        "@type": "cr:RecordSet",
        "@id": where,
        "name": where,
        "description": f"Splits of {config.name} with their numbers of rows.",
        "dataType": "cr:Split",
        "key": {"@id": f"{where}/split_name"},
        "field": [
            {"@type": "cr:Field", "@id": f"{where}/split_name", "dataType": "sc:Text"},
            {"@type": "cr:Field", "@id": f"{where}/rows", "dataType": "sc:Integer"},
        ],
        "data": [{f"{where}/split_name": s, f"{where}/rows": config.rows[s]} for s in config.splits],
    }


def _records(config: Config, embedded: bool) -> dict[str, Any]:
    files = {"fileSet": {"@id": f"files-{config.name}"}}
    split: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{config.name}/split",
        "dataType": "sc:Text",
        "description": "Split, from the file's name.",
        "source": {
            **files,
            "extract": {"fileProperty": "filename"},
            "transform": {"regex": "^(train|validation|test)"},
        },
        "references": {"field": {"@id": f"{config.name}_splits/split_name"}},
    }
    fields = [
        _field(config.name, column, dtype, files, embedded)
        for column, dtype in config_schema(config.name).items()
    ]
    return {
        "@type": "cr:RecordSet",
        "@id": config.name,
        "name": config.name,
        "description": config.note,
        "field": [split, *fields],
    }


def _field(
    config: str, column: str, dtype: pl.DataType, files: dict[str, Any], embedded: bool
) -> dict[str, Any]:
    field: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{config}/{column}",
        "name": f"{config}/{column}",
        "description": COLUMN_NOTES[column],
    }
    source = {**files, "extract": {"column": column}}
    if embedded and column in IMAGE_COLUMNS:
        return {
            **field,
            "dataType": "sc:ImageObject",
            "source": {**source, "transform": {"jsonPath": "bytes"}},
        }
    depth, inner = 0, dtype
    while isinstance(inner, pl.List):
        depth, inner = depth + 1, inner.inner  # type: ignore[assignment]
    if depth:
        field |= {"isArray": True, "arrayShape": ",".join(["-1"] * depth)}
    if not isinstance(inner, pl.Struct):
        return {**field, "dataType": "sc:Integer" if inner == pl.Int64 else "sc:Text", "source": source}
    parts = [
        {
            "@type": "cr:Field",
            "@id": f"{config}/{column}/{part.name}",
            "name": f"{config}/{column}/{part.name}",
            "dataType": "sc:Text",
            "source": {**source, "transform": {"jsonPath": part.name}},
        }
        for part in inner.fields
    ]
    return {**field, "subField": parts}
