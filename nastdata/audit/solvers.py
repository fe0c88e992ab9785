"""Blind solvers: ways to answer a question from its text alone, tried on held-out groups and patients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.sparse import csr_matrix, hstack

from nastdata.audit.choices import Bools, ChoiceSet, Floats, Ints
from nastdata.audit.features import (
    compare_options,
    count_ngrams,
    count_words,
    describe_set,
    join_codes,
    one_hot,
    rank_within,
    subtract_item_mean,
)
from nastdata.audit.folds import Folds
from nastdata.audit.logistic import fit_logit

TREES, LEAVES, BINS = 30, 12, 32
TOPICS = 16
"""Dimensions that the TF-IDF of a view is brought down to."""
COMMON_WORDS = 24
"""Words that boosting sees as features of their own."""


class Solver(Protocol):
    """Scores options from what it learnt on the training items."""

    def score(self, choices: ChoiceSet, train: Bools) -> Floats:
        """Return (rows,) scores; the highest of an item is its answer."""
        ...


@dataclass(frozen=True)
class Rule:
    """A fixed score: no training."""

    values: Floats

    def score(self, choices: ChoiceSet, train: Bools) -> Floats:
        """Return the fixed scores."""
        return self.values


@dataclass(frozen=True)
class Logit:
    """Conditional logit on sparse features."""

    features: csr_matrix

    def score(self, choices: ChoiceSet, train: Bools) -> Floats:
        """Fit on the training items; score all."""
        out: Floats = self.features @ fit_logit(self.features, choices, train)
        return out


@dataclass(frozen=True)
class Memory:
    """Remembers how often each key (a text, a statement, a statement in its set) was right.

    ``sign`` 1 picks what was right most often; -1 what was right least often: elimination.
    """

    keys: tuple[Ints, ...]
    sign: int = 1

    def score(self, choices: ChoiceSet, train: Bools) -> Floats:
        """Sum the smoothed log rates of the keys over the training items."""
        rows = train[choices.item_of]
        base = choices.chance[choices.item_of]
        right = choices.is_right & rows
        out = np.zeros(len(rows))
        for key in self.keys:
            size = int(key.max()) + 1
            hits = np.bincount(key[right], minlength=size)
            expected = np.bincount(key[rows], weights=base[rows], minlength=size)
            out += np.log((hits + 1.0) / (expected + 1.0))[key]
        return self.sign * out


@dataclass(frozen=True)
class Boosting:
    """Gradient-boosted trees on dense features, with the scores of a logit among them."""

    dense: Floats
    prior: csr_matrix | None

    def score(self, choices: ChoiceSet, train: Bools) -> Floats:
        """Fit on the training items; score all."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        rows = train[choices.item_of]
        x = self.dense
        if self.prior is not None:
            prior = self.prior @ fit_logit(self.prior, choices, train)
            x = np.hstack([x, subtract_item_mean(prior[:, None], choices)])
        model = HistGradientBoostingClassifier(
            max_iter=TREES,
            learning_rate=0.25,
            max_leaf_nodes=LEAVES,
            max_bins=BINS,
            early_stopping=False,
            random_state=0,
        )
        model.fit(x[rows], choices.is_right[rows])
        out: Floats = model.decision_function(x)
        return out


@dataclass(frozen=True)
class Named:
    """A solver, what it is called, and which text it reads (or "labels", "facts", "position")."""

    name: str
    view: str
    solver: Solver


def make_mednega_solvers(choices: ChoiceSet) -> list[Named]:
    """Return the solvers of MedNega items."""
    conditions, labels = choices.attributes[:, :3], choices.attributes[:, 3:]
    present = labels.sum(axis=1)
    structure, polarity = _describe_structure(choices, slice(3, 6)), _describe_counts(choices, present)
    singles = [join_codes(conditions[:, i], labels[:, i]) for i in range(3)]
    size = int(conditions.max()) + 1
    said = np.zeros((len(labels), size * 2))
    for i in range(3):
        said[np.arange(len(labels)), conditions[:, i] * 2 + labels[:, i]] = 1.0
    prior = csr_matrix(said)
    pairs = [join_codes(singles[i], singles[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    statement = join_codes(*conditions.T, *labels.T)
    joint = hstack([prior, one_hot(*pairs), one_hot(statement), structure, polarity], format="csr")
    keys = (statement, join_codes(statement, describe_set(statement, choices)))
    signed = said[:, 1::2] - said[:, ::2]
    agree, differ = compare_options(choices, slice(3, 6))
    facts = np.hstack([labels, conditions, present[:, None], signed, agree, differ]).astype(np.float64)
    return [
        *_make_common(choices, keys, structure, prior, facts),
        *make_origin_solvers(choices, (*singles, statement)),
        Named("polarity", "labels", Logit(polarity)),
        Named("prior", "labels", Logit(prior)),
        Named("labels", "labels", Logit(joint)),
    ]


def make_claim_solvers(choices: ChoiceSet) -> list[Named]:
    """Return the solvers of claim sets."""
    condition, existence, place, grade, negation = choices.attributes.T
    said = join_codes(existence, negation)
    fact = join_codes(*choices.attributes.T)
    blocks = [
        said,
        join_codes(condition, said),
        join_codes(place, said),
        join_codes(grade, said),
        join_codes(condition, place),
        join_codes(condition, grade),
        fact,
    ]
    structure = _describe_structure(choices, slice(0, 5))
    prior = one_hot(*blocks)
    keys = (fact, join_codes(fact, describe_set(fact, choices)))
    agree, differ = compare_options(choices, slice(0, 5))
    dense = np.hstack([choices.attributes, said[:, None], agree, differ]).astype(np.float64)
    return [
        *_make_common(choices, keys, structure, prior, dense),
        *make_origin_solvers(choices, (said, join_codes(condition, said), fact)),
        Named("facts", "facts", Logit(hstack([prior, structure], format="csr"))),
    ]


def make_pair_solvers(choices: ChoiceSet) -> list[Named]:
    """Return the solvers of pairs of texts (probes, opposition): one says present, one absent."""
    condition, existence = choices.attributes.T
    fact = join_codes(condition, existence)
    prior = one_hot(existence, fact)
    agree, differ = compare_options(choices, slice(0, 2))
    dense = np.hstack([choices.attributes, agree, differ]).astype(np.float64)
    structure = _describe_structure(choices, slice(0, 2))
    return [
        *_make_common(choices, (fact,), structure, prior, dense),
        *make_origin_solvers(choices, (existence, fact)),
        Named("prior", "facts", Logit(prior)),
    ]


SOLVERS = {"mednega": make_mednega_solvers, "probes": make_pair_solvers, "opposition": make_pair_solvers}
"""Config -> what makes its solvers; those that are not here have the solvers of claims."""


def _make_common(
    choices: ChoiceSet, keys: tuple[Ints, ...], structure: csr_matrix, prior: csr_matrix, dense: Floats
) -> list[Named]:
    """Return the solvers that both kinds of question have."""
    position = choices.position
    out = [
        Named("position", "position", Logit(one_hot(position))),
        Named("structure", "labels" if len(choices.texts) > 1 else "facts", Logit(structure)),
    ]
    shape, words = [position[:, None].astype(np.float64)], []
    texts = []
    for view, column in choices.texts.items():
        lengths = count_words(column)
        relative = subtract_item_mean(lengths, choices)
        grams = count_ngrams(column)
        out += [
            Named("longest", view, Rule(lengths[:, 0])),
            Named("shortest", view, Rule(-lengths[:, 0])),
            Named("n-grams", view, Logit(grams)),
            Named("length", view, Logit(describe_lengths(lengths, choices))),
        ]
        shape += [lengths, relative]
        words.append(_take_common_words(grams, choices))
        texts.append(column.codes)
    seen = (*texts, *keys)
    return [
        *out,
        Named("memory", "all", Memory(seen)),
        Named("elimination", "all", Memory(seen, sign=-1)),
        Named("boosting", "all", Boosting(np.hstack([dense, *shape, *words]), prior)),
        Named("tf-idf + boosting", "texts", Boosting(np.hstack([*shape, *_weigh_words(choices)]), None)),
    ]


def _describe_structure(choices: ChoiceSet, columns: slice) -> csr_matrix:
    """Indicators of an option's agreement with the others, alone and within what its set looks like."""
    agree, differ = compare_options(choices, columns)
    sizes = choices.sizes[choices.item_of]
    near, each = join_codes(sizes, *differ.T), join_codes(sizes, *agree.T)
    blocks = [join_codes(sizes, column) for column in agree.T]
    return one_hot(near, each, join_codes(near, describe_set(near, choices)), *blocks)


def _describe_counts(choices: ChoiceSet, present: Ints) -> csr_matrix:
    """Indicators of how many findings an option calls present, alone and within its set."""
    return one_hot(present, join_codes(present, describe_set(present, choices)))


def make_origin_solvers(choices: ChoiceSet, said: tuple[Ints, ...]) -> list[Named]:
    """Return the solvers that look at what stands around a question: ids, order, source, split, other rows.

    Args:
        choices: the questions.
        said: (rows,) codes of what an option says, from coarse to fine.
    """
    out = []
    for name, columns in choices.around.items():
        blocks = [
            join_codes(codes[choices.item_of], s) for codes in columns for s in (*said, choices.position)
        ]
        out.append(Named(name, "around", Logit(one_hot(*blocks))))
    if choices.recurrence is not None:
        counts = choices.recurrence
        relative = subtract_item_mean(counts, choices)
        total = relative.sum(axis=1)
        ranks = [join_codes(choices.sizes[choices.item_of], rank_within(c, choices)) for c in counts.T]
        features = hstack([one_hot(*ranks), csr_matrix(np.clip(relative, -4, 4))], format="csr")
        out += [
            Named("recurs most", "other rows", Rule(total)),
            Named("recurs least", "other rows", Rule(-total)),
            Named("recurrence", "other rows", Logit(features)),
        ]
    return out


def describe_lengths(lengths: Floats, choices: ChoiceSet) -> csr_matrix:
    """Indicators of an option's rank by characters and words, and its lengths less the item's mean."""
    sizes = choices.sizes[choices.item_of]
    ranks = [join_codes(sizes, rank_within(column, choices)) for column in lengths.T]
    relative = subtract_item_mean(lengths, choices)
    return hstack([one_hot(*ranks), csr_matrix(relative / max(float(relative.std()), 1.0))], format="csr")


def _weigh_words(choices: ChoiceSet) -> list[Floats]:
    """Return, for each view, (rows, topics): TF-IDF of words and pairs of words in few dimensions.

    The weights and the dimensions are found on the distinct texts alone; no answer is seen.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    out = []
    for column in choices.texts.values():
        weights = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
        x = weights.fit_transform(column.distinct.to_list())
        size = min(TOPICS, *(n - 1 for n in x.shape))
        if size < 1:
            continue
        topics = TruncatedSVD(size, algorithm="arpack", random_state=0).fit_transform(x)[column.codes]
        out += [topics, subtract_item_mean(topics, choices)]
    return out


def _take_common_words(grams: csr_matrix, choices: ChoiceSet) -> Floats:
    """Return (rows, few) counts of the n-grams that occur in nearest to half of the options."""
    share = np.asarray((grams > 0).sum(axis=0)).ravel() / grams.shape[0]
    best = np.argsort(np.abs(share - 0.5), kind="stable")[:COMMON_WORDS]
    out: Floats = grams[:, np.sort(best)].toarray()
    return out


def answer_held_out(
    solver: Solver, choices: ChoiceSet, folds: Folds, enough: Callable[[Floats, Bools], bool] | None = None
) -> tuple[Floats, Bools]:
    """Answer the items of one fold after the other, trained on what may be seen.

    Equal scores (to nine digits) earn what guessing among them would earn on average, so that no draw of
    lots adds noise.

    Args:
        solver: to try.
        choices: the items.
        folds: what is held out, and what is trained on.
        enough: of (credit, tried): whether to stop before the next fold; None: never.

    Returns:
        (items,) the credit for each answer: 1 right, 0 wrong, 1/m for one of m equals; and (items,) whether
        the item was tried.
    """
    credit, tried = np.zeros(len(choices.ids)), np.zeros(len(choices.ids), dtype=bool)
    if isinstance(solver, Rule):
        return grade_answers(solver.values, choices), ~tried
    for fold, train in enumerate(folds.train):
        held = folds.test == fold
        score = solver.score(choices, train) if train.any() else np.zeros(int(choices.start[-1]))
        credit[held] = grade_answers(score, choices)[held]
        tried |= held
        if enough is not None and enough(credit, tried):
            break
    return credit, tried


def grade_answers(score: Floats, choices: ChoiceSet) -> Floats:
    """Return (items,) 1/m where the right option is one of the m best scored, else 0."""
    rounded = np.round(score, 9)
    best = np.maximum.reduceat(rounded, choices.start[:-1])
    ties = np.add.reduceat((rounded == best[choices.item_of]).astype(np.int64), choices.start[:-1])
    out: Floats = (rounded[choices.right] == best) / ties
    return out
