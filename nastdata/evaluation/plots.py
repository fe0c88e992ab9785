"""Pictures of traces and evaluations. matplotlib is used without its global state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nastdata.statistics import Floats
from nastdata.tracing.run import Trace
from nastdata.tracing.samples import ROLES

INK, ACCENT, SOFT = "#1f2937", "#b91c1c", "#94a3b8"
SERIES = ("#1d4ed8", "#b91c1c", "#15803d", "#a16207", "#7e22ce", "#0e7490", "#be185d", "#4d7c0f")


def plot_trace(trace: Trace, folder: Path) -> list[Path]:
    """Draw the heat maps (layer x position, head x layer) and the curve over layers, as PNG."""
    a = trace.arrays
    used = [j for j in range(len(ROLES)) if not np.isnan(a["noising_heat"][:, j]).all()]
    names = [ROLES[j] for j in used]
    layers = [str(layer) for layer in range(trace.facts["depth"] + 1)]
    title = trace.facts["model"]
    out = [
        plot_heat(
            folder / f"{way}.png",
            a[f"{way}_heat"][:, used].T,
            rows=names,
            columns=layers,
            title=f"Causal tracing effect, {way}\n{title}",
            across="layer (0: embedding)",
        )
        for way in ("noising", "denoising")
    ]
    heads = [str(h) for h in range(trace.facts["heads"])]
    out.append(
        plot_heat(
            folder / "attention.png",
            a["attention"].T,
            rows=heads,
            columns=layers[1:],
            title=f"Attention from the last token to the negation\n{title}",
            across="block",
            down="head",
        )
    )
    out.append(_plot_curve(trace, folder / "layers.png"))
    return out


def plot_heat(
    path: Path,
    values: Floats,
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
    across: str = "",
    down: str = "",
) -> Path:
    """Draw a labelled heat map; red is positive, blue negative."""
    figure, axis = _open(1.6 + 0.42 * len(columns), 1.5 + 0.36 * len(rows))
    reach = float(np.nanmax(np.abs(values))) or 1.0
    drawn = axis.imshow(values, aspect="auto", cmap="RdBu_r", vmin=-reach, vmax=reach)
    axis.set_xticks(range(len(columns)), columns, fontsize=7)
    axis.set_yticks(range(len(rows)), rows, fontsize=7)
    axis.set(xlabel=across, ylabel=down)
    axis.set_title(title, fontsize=8)
    figure.colorbar(drawn, ax=axis, fraction=0.046, pad=0.02)
    return _save(figure, path)


def plot_bars(
    path: Path,
    groups: Sequence[str],
    series: Mapping[str, Sequence[Mapping[str, float]]],
    title: str,
    label: str,
) -> Path:
    """Draw grouped bars with intervals; each value is a mapping with ``mean``, ``low``, ``high``."""
    figure, axis = _open(max(4.5, 1.2 + 0.55 * len(groups) * len(series)), 3.6)
    width = 0.8 / max(len(series), 1)
    for i, (name, values) in enumerate(series.items()):
        at = np.arange(len(groups)) + (i - (len(series) - 1) / 2) * width
        means = np.array([v["mean"] for v in values])
        spread = np.array(
            [[max(0, v["mean"] - v["low"]) for v in values], [max(0, v["high"] - v["mean"]) for v in values]]
        )
        axis.bar(at, means, width, yerr=spread, color=SERIES[i % len(SERIES)], label=name, capsize=2)
    axis.set_xticks(range(len(groups)), groups, fontsize=8)
    axis.set_ylabel(label)
    axis.set_title(title, fontsize=9)
    axis.legend(fontsize=7, frameon=False)
    return _save(figure, path)


def plot_shares(path: Path, shares: Sequence[float], title: str) -> Path:
    """Draw one bar a block; the line is where all would be if they had changed alike."""
    figure, axis = _open(max(4.0, 1.4 + 0.3 * len(shares)), 3.0)
    axis.bar(range(1, len(shares) + 1), shares, color=SERIES[0])
    axis.axhline(1 / len(shares), color=SOFT, linestyle="--", linewidth=1)
    axis.set_xticks(range(1, len(shares) + 1))
    axis.set(xlabel="block", ylabel="share of the change")
    axis.set_title(title, fontsize=8)
    return _save(figure, path)


def plot_points(path: Path, points: Floats, labels: Sequence[str], title: str) -> Path:
    """Draw a scatter of (n, 2) points, one colour a label."""
    figure, axis = _open(5.2, 4.2)
    for i, name in enumerate(sorted(set(labels))):
        at = np.array([x == name for x in labels])
        axis.scatter(points[at, 0], points[at, 1], s=10, color=SERIES[i % len(SERIES)], label=name)
    axis.set_title(title, fontsize=9)
    axis.legend(fontsize=6, frameon=False)
    return _save(figure, path)


def _plot_curve(trace: Trace, path: Path) -> Path:
    figure, axis = _open(5.6, 3.6)
    layers = np.arange(trace.facts["depth"] + 1)
    a = trace.arrays
    low, high = a["noising_mean_of_ratios_interval"]
    axis.fill_between(layers, low, high, color=SERIES[0], alpha=0.18, linewidth=0)
    axis.plot(layers, a["noising_mean_of_ratios"], color=SERIES[0], label="noising, mean of ratios")
    axis.plot(layers, a["noising_ratio_of_means"], "--", color=SERIES[0], label="noising, ratio of means")
    axis.plot(layers, a["denoising_mean_of_ratios"], color=SERIES[2], label="denoising")
    axis.plot(layers, a["text_space"], color=INK, label="without images")
    if "text_space_control" in a:
        axis.plot(layers, a["text_space_control"].mean(axis=0), ":", color=ACCENT, label="shuffled weights")
    axis.set(xlabel="layer (0: embedding)", ylabel="effect at the negation")
    axis.set_title(trace.facts["model"], fontsize=8)
    axis.legend(fontsize=7, frameon=False)
    return _save(figure, path)


def _open(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def _save(figure: Any, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130, metadata={"Software": "nastdata"})
    return path
