"""One run of ``nastdata evaluate``: datasets opened once, models judged in turn, a report at the end."""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nastdata import __version__
from nastdata.evaluation import run as ev
from nastdata.evaluation.generative import Judged, VisionSettings, is_generative, judge_vlm
from nastdata.evaluation.generative.asking import Answered
from nastdata.evaluation.generative.summary import write_answers
from nastdata.evaluation.outcomes import Outcome
from nastdata.evaluation.run import EvaluateSettings
from nastdata.evaluation.tables import open_table
from nastdata.models.base import DualEncoder
from nastdata.models.dataset_rows import Data, open_data
from nastdata.models.registry import load_encoder

Say = Callable[[str], None]


class Session:
    """Judges models on datasets and writes one report.

    Args:
        paths: dataset folders, or CSV files in NegBench's columns.
        roots: source -> image root.
        settings: what decides the figures.
        vision: how generative models are asked.
        device: where models run.
        cache: folder of image features and kept answers; None keeps none.

    Raises:
        UserError: if a dataset can't be opened.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        roots: Mapping[str, Path],
        settings: EvaluateSettings,
        vision: VisionSettings,
        *,
        device: str = "cpu",
        cache: Path | None = None,
    ) -> None:
        self.paths, self.settings, self.vision = list(paths), settings, vision
        self.data: list[Data] = [
            open_table(p, roots) if p.suffix == ".csv" else open_data(p, roots) for p in paths
        ]
        self.labels = _label(paths)
        self.notes: list[str] = []
        self.failed = 0
        self._device, self._cache = device, cache
        self._found: dict[str, list[Outcome]] = {}
        self.answers: dict[str, list[Answered]] = {}
        self._report: dict[str, Any] = {
            "nastdata_evaluation": 1,
            "nastdata": __version__,
            "data": [str(p) for p in paths],
            "datasets": [
                describe_data(label, d, settings) for label, d in zip(self.labels, self.data, strict=True)
            ],
            "settings": vars(settings),
            "machine": {"python": platform.python_version(), "system": platform.platform(terse=True)},
            "models": {},
            "results": {},
            "auc": {},
        }

    def judge(self, spec: str, say: Say) -> None:
        """Judge one model on every dataset.

        Raises:
            UserError: if the model or a dataset can't be used.
        """
        if spec in self._found:
            say(f"{spec}: given twice, judged once")
            return
        if is_generative(spec):
            self._judge_generative(spec, say)
            self._report["results"][spec] = ev.summarise(self._found[spec], self.settings)
        else:
            self.judge_encoder(load_encoder(spec, self._device))

    def finish(self, out: Path) -> dict[str, Any]:
        """Compare the models, write everything to ``out``, and return the report."""
        report = self.close()
        self.write(out, report)
        return report

    def close(self) -> dict[str, Any]:
        """Compare the models and return the report; nothing is written."""
        report = self._report
        base = next(iter(self._found))
        report["compared_with_first"] = ev.compare_models(self._found, base, self.settings)
        if self.answers:
            report["asked"] = _describe_vision(self.vision)
        report["notes"] = list(self.notes)
        report["made"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        report["answers"] = {spec: f"answers-{i}.jsonl" for i, spec in enumerate(self.answers, 1)}
        return report

    def write(self, out: Path, report: dict[str, Any]) -> None:
        """Write page, tables and answers of a report to a folder."""
        from nastdata.evaluation.page import write_page

        out.mkdir(parents=True, exist_ok=True)
        for spec, answers in self.answers.items():
            write_answers(out / report["answers"][spec], answers)
        ev.write_report(out, report)
        write_page(out / "evaluation.html", report, self.answers, self.data)

    def judge_encoder(self, encoder: DualEncoder, name: str | None = None) -> None:
        """Judge a dual encoder that is loaded already, under its own name or another.

        Raises:
            UserError: if a dataset can't be used, or the encoder fails.
        """
        spec = name or encoder.spec
        parts = [
            (label, ev.evaluate(encoder, d, self.settings, self._cache))
            for label, d in zip(self.labels, self.data, strict=True)
        ]
        self._found[spec] = ev.merge_outcomes(parts)
        self._report["models"][spec] = ev.describe_model(encoder)
        auc = [ev.score_conditions(encoder, d, self.settings, self._cache) for d in self.data]
        self._report["auc"][spec] = {c: v for part in auc for c, v in part.items()}
        self._report["results"][spec] = ev.summarise(self._found[spec], self.settings)

    def _judge_generative(self, spec: str, say: Say) -> None:
        judged: list[tuple[str, Judged]] = []
        for label, d in zip(self.labels, self.data, strict=True):
            found = judge_vlm(spec, d, self.settings, self._cache, self.vision, device=self._device, say=say)
            judged.append((label, found))
            self.failed += sum(found.report["ledger"]["failed"].values())
            self.notes += [f"{spec}: {note}" for note in found.report["notes"]]
        self._found[spec] = ev.merge_outcomes([(label, j.outcomes) for label, j in judged])
        self.answers[spec] = [a for _, j in judged for a in j.answers]
        self._report["models"][spec] = {
            "model": spec,
            "generative": {label: j.report for label, j in judged},
        }


def describe_data(label: str, data: Data, settings: EvaluateSettings) -> dict[str, Any]:
    """Return what identifies a dataset: a hash of its tables' bytes, and what was read of it."""
    manifest = data.folder.manifest or {}
    return {
        "label": label,
        "hash": hash_data(data),
        "fingerprint": manifest.get("fingerprint"),
        "recipe": (manifest.get("recipe") or {}).get("recipe"),
        "configs": {c: len(f) for c, f in data.frames.items()},
        "split": settings.split or "all",
        "limit": settings.limit,
    }


def hash_data(data: Data) -> str:
    """Return a sha256 over the dataset's parquet files (or its CSV), in the order of their names."""
    digest = hashlib.sha256()
    path = data.folder.path
    files = (
        [path]
        if path.is_file()
        else sorted({f for splits in data.folder.files.values() for fs in splits.values() for f in fs})
    )
    for file in files:
        digest.update((file.relative_to(path).as_posix() if file != path else "table").encode() + b"\0")
        with file.open("rb") as handle:
            digest.update(hashlib.file_digest(handle, "sha256").digest())
    return digest.hexdigest()


def _label(paths: Sequence[Path]) -> list[str]:
    """Name datasets by their folders; two of one name by their place."""
    names = [p.absolute().stem if p.suffix == ".csv" else p.absolute().name for p in paths]
    return [n if names.count(n) == 1 else f"{n}-{i}" for i, n in enumerate(names, 1)]


def _describe_vision(vision: VisionSettings) -> dict[str, Any]:
    said = {k: v for k, v in vars(vision).items() if k not in ("permission", "prices")}
    permission = None if vision.permission is None else vars(vision.permission)
    return {**said, "permission": permission, "prices": vision.prices.model_dump()}
