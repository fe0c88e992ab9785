"""Whether a model's answers to claim sets come from the image: they should change with it."""

from __future__ import annotations

import numpy as np
import polars as pl

from nastdata.evaluation.outcomes import Embed, Features, Outcome, find_strangers


def judge_claim_reliance(frame: pl.DataFrame, images: Features, embed: Embed, seed: int) -> list[Outcome]:
    """Claim sets with another patient's image: does the answer change, and does a right one stay right?

    Args:
        frame: ``contextual_claims`` rows.
        images: (rows, dim) features of their images.
        embed: Texts to features.
        seed: Draws the other patients.

    Returns:
        ``claim_changes_swapped`` for every set (a model that ignores the image changes none), and
        ``claim_survives_swapped`` for those answered rightly (chance is about 1 / K). Both by what the true
        claim does.
    """
    patients, ids = frame["patient_id"].to_list(), frame["set_id"].to_list()
    strangers = find_strangers(patients, seed)
    flat = embed([t for texts in frame["claims"] for t in texts])
    own, other, start = [], [], 0
    for i, texts in enumerate(frame["claims"]):
        claims = flat[start : start + len(texts)]
        own.append(int(np.argmax(claims @ images[i])))
        other.append(int(np.argmax(claims @ images[strangers[i]])))
        start += len(texts)
    answers = frame["answer"].to_list()
    true = [n[a] for n, a in frame.select("claim_negations", "answer").iter_rows()]
    truth = ["affirmative" if n == "none" else "negated" for n in true]
    # a set of the only patient has no stranger and says nothing
    at = [i for i in range(len(ids)) if strangers[i] != i]
    right = [i for i in at if own[i] == answers[i]]
    return [
        Outcome(
            name,
            np.array([value(i) for i in rows], dtype=float),
            [patients[i] for i in rows],
            [ids[i] for i in rows],
            {"truth": [truth[i] for i in rows]},
        )
        for name, rows, value in (
            ("claim_changes_swapped", at, lambda i: own[i] != other[i]),
            ("claim_survives_swapped", right, lambda i: other[i] == answers[i]),
        )
        if rows
    ]
