"""Sentences with known truth, made to mislead: independent of the grammar that writes and of the reader.

``operators.yaml`` says what each kind of sentence does to a finding and what it then says; ``names.yaml`` how
findings are called. ``generate`` draws sentences, ``judge`` shows them to a reader and a gate.
"""

from adversary.clauses import Sentence
from adversary.compose import generate, write_honest, write_lie
from adversary.judge import Tally, format_table, group_by_first, judge, total
from adversary.mutate import drop_denials, insert_word
from adversary.operators import load_operators

__all__ = [
    "Sentence",
    "Tally",
    "drop_denials",
    "format_table",
    "generate",
    "group_by_first",
    "insert_word",
    "judge",
    "load_operators",
    "total",
    "write_honest",
    "write_lie",
]
