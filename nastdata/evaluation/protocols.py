"""Dual encoders on the protocols: image to text and text to image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from nastdata.evaluation.outcomes import Outcome

Features = npt.NDArray[np.float32]
Embed = Callable[[Sequence[str]], Features]


def judge_protocols(frame: pl.DataFrame, images: Features, embed: Embed) -> list[Outcome]:
    """Return ``PROTOCOL`` (image to text) and ``PROTOCOL_text_to_image``.

    Image to text: the option nearest to the image is the true one. Text to image: of the two images of a
    group, the one of which an option is true is nearer to it (half for equal ones), also by the polarity of
    that text. The AUC of affirmative and negated prompts over all images, as Bi-MCQ reports it, is in
    ``auc``. A dual encoder can't be asked a question: Yes and No are put to it as the statements they
    stand for.
    """
    out: list[Outcome] = []
    for protocol in dict.fromkeys(frame["protocol"]):
        at = np.flatnonzero((frame["protocol"] == protocol).to_numpy())
        rows = frame[at.tolist()].to_dicts()
        texts = [_word_options(r) for r in rows]
        distinct = sorted({t for some in texts for t in some})
        vectors = dict(zip(distinct, embed(distinct), strict=True))
        scores = [np.array([vectors[t] @ images[i] for t in some]) for i, some in zip(at, texts, strict=True)]
        right = np.array([float(s.argmax() == r["answer"]) for s, r in zip(scores, rows, strict=True)])
        strata = {
            "polarity": [r["polarity"] for r in rows],
            "condition": [r["condition"] for r in rows],
            "truth_of_finding": [r["choice_facts"][r["answer"]]["existence"] for r in rows],
        }
        patients = [f"{r['source']}/{r['patient_id']}" for r in rows]
        ids = [r["item_id"] for r in rows]
        out.append(Outcome(protocol, right, patients, ids, strata))
        out += _judge_images(protocol, rows, scores)
    return out


def _judge_images(protocol: str, rows: list[dict[str, Any]], scores: list[Any]) -> list[Outcome]:
    members: dict[str, list[int]] = {}
    for i, r in enumerate(rows):
        members.setdefault(r["group_id"], []).append(i)
    values, groups, polarity, text_polarity = [], [], [], []
    for group, (a, b, *more) in ((g, m) for g, m in sorted(members.items()) if len(m) == 2):
        assert not more
        for option in range(len(scores[a])):
            own, other = (a, b) if rows[a]["answer"] == option else (b, a)
            gap = float(scores[own][option] - scores[other][option])
            values.append(1.0 if gap > 0 else 0.5 if gap == 0 else 0.0)
            groups.append(group)
            polarity.append(rows[a]["polarity"])
            present = rows[a]["choice_facts"][option]["existence"] == "present"
            text_polarity.append("affirmative" if present else "negated")
    if not values:
        return []
    strata = {"polarity": polarity, "text": text_polarity}
    ids = [f"{g}/{i}" for i, g in enumerate(groups)]
    return [Outcome(f"{protocol}_text_to_image", np.array(values), groups, ids, strata)]


def _word_options(row: dict[str, Any]) -> list[str]:
    """Return what an encoder compares an image with."""
    if row["protocol"] != "presence_yes_no":
        return list(row["choices"])
    name = row["condition"].lower()
    said = [f["existence"] == "present" for f in row["choice_facts"]]
    return [f"There is {name}." if present else f"There is no {name}." for present in said]
