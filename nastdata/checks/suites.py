"""The expectation suites of each config, as data: made from the record models, run by ``expectations``.

A suite speaks of a flat table (``flat_tables``): lists become numbered columns, and what involves several
rows becomes a column of its own. ``python -m nastdata.checks.suites`` writes the suites, and the JSON
schemas of the records, to ``schemas/``; a test fails where they differ from the code.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nastdata.checks.rules.rows import is_optional, list_vocabularies
from nastdata.records import COLUMN_ORDER, CONFIG_ROWS, LETTERS, SPLITS, RejectRow, Row

Expectation = dict[str, Any]
Suite = dict[str, Any]

CLAIMS = "contextual_claims.claims"
"""Table of one row a claim."""
MANY = 400
"""Rows from which the share of each answer position is judged."""
MOST_SKEW = 0.02
"""Highest Kullback-Leibler divergence of the answer's position from equal use."""

_OWN: dict[str, list[Expectation]] = {
    "mednega": [
        *(
            {
                "type": "expect_select_column_values_to_be_unique_within_record",
                "kwargs": {"column_list": [f"{name}_{x}" for x in across]},
                "why": why,
            }
            for name, across, why in (
                ("condition", "123", "three different conditions"),
                ("labels", LETTERS, "four different label vectors"),
                ("negated", LETTERS, "four different negated texts"),
                ("affirmative", LETTERS, "four different affirmative texts"),
            )
        ),
        *(
            {
                "type": "expect_column_values_to_match_regex",
                "kwargs": {"column": f"labels_{x}", "regex": "^[01]{3}$"},
                "why": "three labels, each 0 or 1",
            }
            for x in LETTERS
        ),
        *(
            {
                "type": "expect_column_value_lengths_to_be_between",
                "kwargs": {"column": f"{name}_{x}", "min_value": 12, "max_value": 300},
                "why": "a sentence, short enough for a text tower",
            }
            for name in ("negated", "affirmative")
            for x in LETTERS
        ),
        {
            "type": "expect_column_pair_values_to_be_equal",
            "kwargs": {"column_A": "labels_of_answer", "column_B": "labels_of_study"},
            "why": "the answer points at the labels that other rows give the study",
        },
        {
            "type": "expect_compound_columns_to_be_unique",
            "kwargs": {"column_list": ["group_id", "labels_of_answer"]},
            "why": "each option is true once in a group",
        },
    ],
    "contextual_claims": [
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {
                "column": "k",
                "min_value": {"$PARAMETER": "k_min"},
                "max_value": {"$PARAMETER": "k_max"},
            },
            "why": "as many claims as the recipe asks for",
        },
        {
            "type": "expect_column_pair_values_a_to_be_greater_than_b",
            "kwargs": {"column_A": "k", "column_B": "answer"},
            "why": "the answer is one of the claims",
        },
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "answer", "min_value": 0},
            "why": "the answer is one of the claims",
        },
        *(
            {
                "type": "expect_column_pair_values_to_be_equal",
                "kwargs": {"column_A": "k", "column_B": f"n_{name}"},
                "why": "one entry for each claim",
            }
            for name in ("claim_facts", "claim_negations", "altered", "different_claims")
        ),
        {
            "type": "expect_column_values_to_be_in_set",
            "kwargs": {"column": "n_unaltered", "value_set": [1]},
            "why": "exactly one claim is true",
        },
        {
            "type": "expect_column_values_to_be_null",
            "kwargs": {"column": "altered_in_answer"},
            "why": "the true claim alters nothing",
        },
    ],
    "contextual_captions": [
        {
            "type": "expect_column_value_lengths_to_be_between",
            "kwargs": {"column": "caption", "min_value": 8, "max_value": 300},
            "why": "a sentence, short enough for a text tower",
        },
        {
            # As one column: the expectation on pairs takes twenty times as long.
            "type": "expect_column_values_to_be_in_set",
            "kwargs": {
                "column": "polarity_and_type",
                "value_set": [
                    "affirmative, none",
                    "negated, existence",
                    "negated, location",
                    "negated, severity",
                ],
            },
            "why": "polarity is that of the negation type",
        },
        {
            "type": "expect_column_values_to_be_in_set",
            "kwargs": {"column": "fact_existence", "value_set": ["present", "absent"]},
            "why": "facts are definite",
        },
    ],
    "probes": [
        {
            "type": "expect_select_column_values_to_be_unique_within_record",
            "kwargs": {"column_list": ["correct", "foil"]},
            "why": "caption and foil differ",
        },
    ],
    "opposition": [
        {
            "type": "expect_select_column_values_to_be_unique_within_record",
            "kwargs": {"column_list": ["prompt", "distractor_prompt"]},
            "why": "the prompts differ",
        },
        {
            "type": "expect_select_column_values_to_be_unique_within_record",
            "kwargs": {"column_list": ["image_id", "distractor_image_id"]},
            "why": "the images differ",
        },
    ],
    "protocols": [
        {
            "type": "expect_column_pair_values_a_to_be_greater_than_b",
            "kwargs": {"column_A": "n_choices", "column_B": "answer"},
            "why": "the answer is one of the options",
        },
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "answer", "min_value": 0},
            "why": "the answer is one of the options",
        },
        *(
            {
                "type": "expect_column_pair_values_to_be_equal",
                "kwargs": {"column_A": "n_choices", "column_B": name},
                "why": "options differ, and each has its fact",
            }
            for name in ("n_different_choices", "n_choice_facts")
        ),
    ],
    CLAIMS: [
        {
            "type": "expect_column_values_to_be_in_set",
            "kwargs": {"column": "existence", "value_set": ["present", "absent"]},
            "why": "facts are definite",
        },
        {
            "type": "expect_column_values_to_be_in_set",
            "kwargs": {"column": "negation", "value_set": ["none", "existence", "location", "severity"]},
            "why": "what a claim denies",
        },
        {
            "type": "expect_column_values_to_be_in_set",
            "kwargs": {"column": "altered", "value_set": ["existence", "location", "severity"]},
            "why": "what a false claim alters",
        },
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "attributes_changed", "min_value": 0, "max_value": 1},
            "why": "a false claim differs from the true one in one attribute, or is about another fact",
        },
        {
            "type": "expect_compound_columns_to_be_unique",
            "kwargs": {"column_list": ["key", "text"]},
            "why": "no claim is in a set twice",
        },
        {
            "type": "expect_column_value_lengths_to_be_between",
            "kwargs": {"column": "text", "min_value": 8, "max_value": 300},
            "why": "a sentence, short enough for a text tower",
        },
    ],
}


def list_tables() -> tuple[str, ...]:
    """Return the names of the flat tables, each with a suite."""
    return (*COLUMN_ORDER, CLAIMS)


def make_suite(table: str) -> Suite:
    """Return the suite of a table: ``name`` and ``expectations`` (type, kwargs, why).

    Raises:
        KeyError: if there is no such table.
    """
    own = _OWN[table]
    expectations = own if table == CLAIMS else [*_from_record(table), *own]
    return {"name": table, "expectations": expectations}


def _from_record(config: str) -> list[Expectation]:
    """Derive keys, required values, vocabularies and types from the config's record model."""
    fields = CONFIG_ROWS[config].model_fields
    key = COLUMN_ORDER[config][0]
    out: list[Expectation] = [
        {
            "type": "expect_table_row_count_to_equal",
            "kwargs": {"value": {"$PARAMETER": "rows"}},
            "why": "as many rows as recorded",
        },
        {
            "type": "expect_column_values_to_be_unique",
            "kwargs": {"column": key},
            "why": "a key is there once",
        },
        {
            "type": "expect_column_values_to_be_in_set",
            "kwargs": {"column": "split", "value_set": list(SPLITS)},
            "why": "splits are ours",
        },
        {
            "type": "expect_column_values_to_be_in_set",
            "kwargs": {"column": "splits_of_patient", "value_set": [1]},
            "why": "a patient is in one split",
        },
    ]
    vocabularies = list_vocabularies(config)
    for name in COLUMN_ORDER[config]:
        plain = fields[name].annotation
        if name in ("image", "distractor_image") or is_optional(plain):
            continue
        if plain in (str, int) or name in vocabularies:
            out.append(
                {
                    "type": "expect_column_values_to_not_be_null",
                    "kwargs": {"column": name},
                    "why": "required",
                }
            )
        if name in vocabularies:
            out.append(
                {
                    "type": "expect_column_values_to_be_in_set",
                    "kwargs": {"column": name, "value_set": list(vocabularies[name])},
                    "why": "a closed list",
                }
            )
        elif plain is str and name.endswith("_id"):
            out.append(
                {
                    "type": "expect_column_values_to_match_regex",
                    "kwargs": {"column": name, "regex": r"^\S(.*\S)?$"},
                    "why": "an identifier without blanks around it",
                }
            )
    if config == "mednega":
        shares = {"values": list(LETTERS), "weights": [0.25] * 4}
        out.append(
            {
                "type": "expect_column_kl_divergence_to_be_less_than",
                "kwargs": {"column": "answer", "partition_object": shares, "threshold": MOST_SKEW},
                "why": "every answer position is used alike",
                "from_rows": MANY,
            }
        )
    return out


def make_schemas() -> dict[str, Any]:
    """Return file name -> JSON of everything under ``schemas/``."""
    out: dict[str, Any] = {}
    models: dict[str, type[Row]] = {**CONFIG_ROWS, "rejects": RejectRow}
    for config, model in models.items():
        draft = "https://json-schema.org/draft/2020-12/schema"
        out[f"{config}.json"] = {"$schema": draft, **model.model_json_schema(), "title": config}
    for table in list_tables():
        out[f"expectations/{table}.json"] = make_suite(table)
    return out


def dump_schema(data: Any) -> str:
    """Return the text of a schema file."""
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def write_schemas(folder: Path) -> list[Path]:
    """Write every schema file and return their paths."""
    written = []
    for name, data in make_schemas().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dump_schema(data), encoding="utf-8")
        written.append(path)
    return written


if __name__ == "__main__":
    from nastdata.resources import find_resource

    for path in write_schemas(find_resource("schemas")):
        print(path)
