"""Runs the expectation suites with Great Expectations, which is imported here and nowhere else."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

import polars as pl

from nastdata.checks.flat_tables import flatten
from nastdata.checks.suites import Suite, make_suite
from nastdata.checks.verdicts import Bad, Ledger

FEW_VALUES = 0.2
"""Share of distinct values below which a text column is held as a pandas category, which is much faster."""
INSTALL = "Great Expectations is not installed: pip install 'nastdata[quality]'"


def is_installed() -> bool:
    """Whether Great Expectations can be imported; importing it takes seconds, so it isn't."""
    return find_spec("great_expectations") is not None


def run_expectations(
    ledger: Ledger,
    frames: dict[str, pl.DataFrame],
    *,
    rows: dict[str, int] | None = None,
    k: tuple[int, int] = (2, 1_000),
) -> None:
    """Run the suites of some configs and enter one verdict for each table.

    Args:
        ledger: where the verdicts go.
        frames: config -> rows with ``split`` and ``key``, well-formed lists.
        rows: config -> rows recorded in the manifest; what is there is taken for right without it.
        k: least and most claims of a set.
    """
    if not is_installed():
        for config in frames:
            ledger.skip("expectations", config, INSTALL)
        return
    context = _open_context()
    for config, frame in frames.items():
        for table, flat in flatten(config, frame).items():
            suite = make_suite(table)
            given = {"rows": (rows or {}).get(config, len(frame)), "k_min": k[0], "k_max": k[1]}
            bad = _run(context, suite, flat, given)
            ledger.add("expectations", table, len(suite["expectations"]), bad)


def _open_context() -> Any:
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import logging
    import warnings

    with warnings.catch_warnings():
        # Its own use of deprecated modules is not the user's business.
        warnings.simplefilter("ignore")
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        logging.getLogger("great_expectations").setLevel(logging.ERROR)
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context


def _run(context: Any, suite: Suite, flat: pl.DataFrame, given: dict[str, Any]) -> list[Bad]:
    """Run one suite on one table and return what did not hold."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as gx
        from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

        loaded = gx.ExpectationSuite(name=suite["name"])
        for e in suite["expectations"]:
            if len(flat) >= e.get("from_rows", 0):
                loaded.add_expectation_configuration(
                    ExpectationConfiguration(type=e["type"], kwargs=e["kwargs"], meta={"why": e["why"]})
                )
        source = context.data_sources.add_pandas(suite["name"])
        asset = source.add_dataframe_asset(suite["name"])
        batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": _to_pandas(flat)})
        found = batch.validate(loaded, result_format="BASIC", expectation_parameters=given)
    return [_tell(r) for r in found.results if not r.success]


def _tell(result: Any) -> Bad:
    """Say in words which expectation did not hold, with some of the values."""
    about = result.expectation_config
    kwargs = about.kwargs
    columns = (
        kwargs.get("column") or kwargs.get("column_list") or [kwargs.get("column_A"), kwargs.get("column_B")]
    )
    named = columns if isinstance(columns, str) else ", ".join(str(c) for c in columns if c)
    raised = (result.exception_info or {}).get("exception_message")
    some = (result.result or {}).get("partial_unexpected_list") or (result.result or {}).get("observed_value")
    why = about.meta.get("why", about.type)
    reason = f"{why} ({about.type.removeprefix('expect_')} {named}".rstrip() + ")"
    return Bad(reason, named or None, None, str(raised or some))


def _to_pandas(flat: pl.DataFrame) -> Any:
    """Convert to pandas, texts that repeat as categories."""
    import pandas as pd

    texts = [name for name, dtype in flat.schema.items() if dtype == pl.String]
    distinct = flat.select(pl.col(texts).approx_n_unique()).row(0) if texts and len(flat) else ()
    repeated = [n for n, count in zip(texts, distinct, strict=False) if count < FEW_VALUES * len(flat)]
    plain = flat.to_pandas()
    return plain.astype({name: pd.CategoricalDtype() for name in repeated}) if repeated else plain
