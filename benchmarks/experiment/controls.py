"""The methods of the question itself, and the controls that could refute its answer."""

from __future__ import annotations

from experiment.method import Method

NAST = {"objective": "nast"}
UNIFORM = {**NAST, "layers.scale": "none"}
PUBLISHED = {"layers.estimator": "mean_of_ratios", "layers.floor": 0, "layers.clip_negative": False}
"""The paper's rule: arXiv 2602.12498."""

MAIN: tuple[Method, ...] = (
    Method("uniform", "main", UNIFORM, repeated=True, about="every layer learns alike"),
    Method(
        "trace",
        "main",
        NAST,
        weigh="trace",
        repeated=True,
        about="layer weights by the robust effect, none below a tenth of the largest",
    ),
    Method(
        "trace, as published",
        "main",
        {**NAST, **PUBLISHED},
        weigh="trace",
        repeated=True,
        about="mean of ratios scaled from 0 to 1: the block with the least effect is frozen",
    ),
    Method(
        "trace, ratio of means",
        "main",
        {**NAST, "layers.estimator": "ratio_of_means", "layers.normalise": "mean_one"},
        weigh="trace",
        about="ratio of means, scaled so that the mean learning rate stays",
    ),
)

CONTROLS: tuple[Method, ...] = (
    Method("permuted", "control", NAST, weigh="permuted", repeated=True, about="the same weights, shuffled"),
    Method("reversed", "control", NAST, weigh="reversed", about="most weight where the trace has least"),
    Method("flipped", "control", NAST, weigh="flipped", about="the weights from the last block to the first"),
    Method("same norm", "control", UNIFORM, same_norm_as="trace", about="uniform, changed as much as trace"),
    Method("top three", "control", NAST, weigh="top", about="the three blocks of most effect"),
    Method("bottom three", "control", NAST, weigh="bottom", about="the three blocks of least effect"),
    Method("heads", "control", {**NAST, "layers.level": "head"}, weigh="trace", about="weights of heads"),
    Method("traced again", "control", NAST, weigh="again", about="a second trace midway"),
    Method(
        "gradient",
        "control",
        {**NAST, "layers.scale": "gradient"},
        weigh="trace",
        about="the paper's rule to the letter: gradients scaled, then AdamW",
    ),
    Method(
        "uniform, SGD",
        "control",
        {**UNIFORM, "optimizer": "sgd"},
        rate_scale=30,
        about="as uniform, without Adam",
    ),
    Method(
        "gradient, SGD",
        "control",
        {**NAST, "layers.scale": "gradient", "optimizer": "sgd"},
        weigh="trace",
        rate_scale=30,
        about="gradients scaled, where that is a learning rate",
    ),
    Method("existence only", "control", UNIFORM, data="existence", about="no places and grades denied"),
    Method("no negation", "control", UNIFORM, data="affirming", about="texts that deny are left out"),
    Method("shuffled truths", "control", UNIFORM, data="shuffled", about="another patient's truth"),
    Method("no image", "control", UNIFORM, data="blind", about="one image for all: text alone"),
)
