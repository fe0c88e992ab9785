"""What a reader without the image knows of an option: its words, its statements, its kin in the set."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.sparse import csr_matrix, hstack

from nastdata.audit.choices import ChoiceSet, Floats, Ints, TextColumn

LONGEST_NGRAM = 3
RAREST_NGRAM = 4
"""Option rows that an n-gram must occur in."""
DENSE = 32
"""Values that there may be for each that there is, up to which they are looked up instead of sorted."""


def count_ngrams(column: TextColumn, longest: int = LONGEST_NGRAM) -> csr_matrix:
    """Return (rows, n-grams) counts of runs of one to ``longest`` lower-case words, with a start mark."""
    marked = "^ " + column.distinct.str.to_lowercase()
    words = marked.str.extract_all(r"\^|[\p{L}\p{N}'-]+")
    lengths = words.list.len().to_numpy().astype(np.int64)
    code = words.explode().rank("dense").to_numpy().astype(np.int64) - 1
    document = np.repeat(np.arange(len(lengths)), lengths)
    base = int(code.max()) + 1 if len(code) else 1
    weight = np.bincount(column.codes, minlength=len(lengths))
    parts = []
    gram = np.zeros(len(code), dtype=np.int64)
    for n in range(1, longest + 1):
        end = len(code) - n + 1
        gram = gram[:end] * base + code[n - 1 :]
        inside = document[:end] == document[n - 1 :]
        _, column_of = np.unique(gram[inside], return_inverse=True)
        at = document[:end][inside]
        counts = csr_matrix((np.ones(len(at)), (at, column_of)), shape=(len(lengths), column_of.max() + 1))
        often = np.asarray(counts.T @ weight).ravel() >= RAREST_NGRAM
        parts.append(counts[:, np.flatnonzero(often)])
    return hstack(parts, format="csr")[column.codes]


def count_words(column: TextColumn) -> Floats:
    """Return (rows, 2) characters and words of each option."""
    chars = column.distinct.str.len_chars().to_numpy()
    words = (column.distinct.str.count_matches(" ") + 1).to_numpy()
    return np.stack([chars, words], axis=1).astype(np.float64)[column.codes]


def rank_ints(values: Ints) -> tuple[Ints, int]:
    """Return each value's index among the distinct values, and how many those are.

    As ``np.unique`` does, but without sorting where the values are nearly dense, as codes are.
    """
    least = int(values.min(initial=0))
    span = int(values.max(initial=0)) - least + 1
    if span > DENSE * len(values) + 1:
        distinct, codes = np.unique(values, return_inverse=True)
        return codes.astype(np.int64), len(distinct)
    there = np.zeros(span, dtype=bool)
    there[values - least] = True
    number = np.cumsum(there) - 1
    return number[values - least], int(number[-1]) + 1 if len(values) else 0


def one_hot(*blocks: Ints) -> csr_matrix:
    """Return (rows, values) indicators; each block is (rows,) codes and has columns of its own."""
    offset, columns = 0, []
    for block in blocks:
        codes, distinct = rank_ints(block)
        columns.append(codes + offset)
        offset += distinct
    rows = len(blocks[0])
    index = np.stack(columns, axis=1).ravel()
    pointer = np.arange(rows + 1) * len(blocks)
    return csr_matrix((np.ones(len(index)), index, pointer), shape=(rows, offset))


def join_codes(*columns: Ints) -> Ints:
    """Return one code for each distinct combination of values."""
    out = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        codes, distinct = rank_ints(column)
        out = rank_ints(out * distinct + codes)[0]
    return out


def subtract_item_mean(values: Floats, choices: ChoiceSet) -> Floats:
    """Return (rows, m) values less the mean over the item's options."""
    mean = np.add.reduceat(values, choices.start[:-1], axis=0) / choices.sizes[:, None]
    out: Floats = values - mean[choices.item_of]
    return out


def rank_within(values: Floats, choices: ChoiceSet) -> Ints:
    """Return (rows,) how many options of the item have a lower value, and whether another has the same."""
    out = np.zeros(len(values), dtype=np.int64)
    for size in np.unique(choices.sizes):
        items = np.flatnonzero(choices.sizes == size)
        rows = choices.start[items][:, None] + np.arange(size)
        block = values[rows]
        lower = (block[:, :, None] > block[:, None, :]).sum(axis=2)
        same = (block[:, :, None] == block[:, None, :]).sum(axis=2) > 1
        out[rows.ravel()] = (2 * lower + same).ravel()
    return out


def compare_options(choices: ChoiceSet, columns: slice) -> tuple[Ints, Ints]:
    """Compare each option with the others of its item, attribute by attribute.

    Returns:
        (rows, attributes) how many others agree with it, and (rows, attributes + 1) how many others differ
        from it in exactly 0, 1, 2 ... attributes.
    """
    values = choices.attributes[:, columns]
    width = values.shape[1]
    agree = np.zeros((len(values), width), dtype=np.int64)
    differ = np.zeros((len(values), width + 1), dtype=np.int64)
    for size in np.unique(choices.sizes):
        items = np.flatnonzero(choices.sizes == size)
        rows = choices.start[items][:, None] + np.arange(size)
        block = values[rows]
        same = block[:, :, None, :] == block[:, None, :, :]
        distance = width - same.sum(axis=3)
        flat = rows.ravel()
        agree[flat] = same.sum(axis=2).reshape(-1, width) - 1
        for d in range(width + 1):
            differ[flat, d] = ((distance == d).sum(axis=2) - (d == 0)).ravel()
    return agree, differ


def describe_set(codes: Ints, choices: ChoiceSet) -> Ints:
    """Return (rows,) one code per multiset of ``codes`` found among the options of the row's item."""
    frame = pl.DataFrame({"item": choices.item_of, "code": codes})
    sets = frame.group_by("item", maintain_order=True).agg(pl.col("code").sort())
    keys = sets.select(pl.col("code").cast(pl.List(pl.String)).list.join(","))["code"]
    return (keys.rank("dense").to_numpy().astype(np.int64) - 1)[choices.item_of]
