"""Our training exports in the packages' own loaders: every row must come out, with its image.

    python benchmarks/training_loads.py --trl PYTHON --llamafactory PYTHON --swift PYTHON

Each PYTHON is the interpreter of an environment of its own (a package that is not named is not run):

    python -m venv t && t/bin/pip install trl==1.16.0 torch torchvision
    python -m venv l && l/bin/pip install llamafactory==0.9.5
    python -m venv s && s/bin/pip install ms-swift==4.6.0

No training: LLaMA-Factory's and ms-swift's loaders, TRL's collators with a tiny LLaVA processor. Exits
with 1 if rows are lost, an image can't be opened, or an answer's tokens are not what is learnt.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import describe_machine

ROOT = Path(__file__).parents[1]

LLAMAFACTORY = """
import json, os, sys
from llamafactory.data.loader import _get_merged_dataset
from llamafactory.hparams import DataArguments, ModelArguments
from transformers import Seq2SeqTrainingArguments
folder, stage, *names = sys.argv[1:]
data = DataArguments(dataset_dir=folder, media_dir=folder, dataset=",".join(names), template="llava")
model = ModelArguments(model_name_or_path="none")
rows = _get_merged_dataset(names, model, data, Seq2SeqTrainingArguments(output_dir="o", report_to=[]),
stage=stage) assert all(os.path.isfile(p) for r in rows for p in r["_images"]), "an image is missing"
assert all(len(r["_images"]) == r["_prompt"][-1]["content"].count("<image>") == 1 for r in rows)
assert all(len(r["_response"]) == (2 if stage == "rm" else 1) for r in rows), "an answer is missing"
print("ROWS", len(rows))
"""
SWIFT = """
import os, sys
from swift.dataset import load_dataset
rows, _ = load_dataset([sys.argv[1]])
assert all(os.path.isfile(i["path"]) for r in rows for i in r["images"]), "an image is missing"
assert all(r["messages"][0]["content"].count("<image>") == len(r["images"]) == 1 for r in rows)
assert "dpo" not in sys.argv[1] or all(r["rejected_response"] != r["messages"][1]["content"] for r in rows)
print("ROWS", len(rows))
"""
TRL = """
import sys
from datasets import load_dataset
from transformers import AutoProcessor
from trl.trainer.dpo_trainer import DataCollatorForVisionPreference
from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling
folder, name = sys.argv[1:]
processor = AutoProcessor.from_pretrained(folder)
rows = load_dataset("parquet", data_files=name, split="train")
assert all(r["images"][0].size[0] > 8 for r in rows)
some = [rows[i] for i in range(min(6, len(rows)))]
if "dpo" in name:
    out = DataCollatorForVisionPreference(processor)(some)
    assert len(out["input_ids"]) == 2 * len(some), out["input_ids"].shape
else:
    told = [r["completion"][0]["content"].lower() for r in some]  # before the collator changes them
    out = DataCollatorForVisionLanguageModeling(processor, completion_only_loss=True)(some)
    learnt = [processor.tokenizer.decode(x[x != -100]) for x in out["labels"]]
    if "mcq" in name:
        assert all(t in said.split() for t, said in zip(told, learnt)), (told, learnt)
assert len(out["pixel_values"]) in (len(some), 2 * len(some))
print("ROWS", len(rows))
"""


def run(python: Path, code: str, *args: str | Path, work: Path) -> int:
    """Run code in another environment; return the rows that it counted."""
    plain = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    env = {**plain, "HOME": str(work), "HF_HOME": str(work / "hf"), "HF_HUB_OFFLINE": "1"}
    command = [str(python), "-c", code, *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=work)
    lines = [x for x in done.stdout.splitlines() if x.startswith("ROWS ")]
    if done.returncode or not lines:
        raise SystemExit(f"{python}, {args}:\n{done.stdout[-800:]}{done.stderr[-2000:]}")
    return int(lines[-1].split()[1])


def nast(*args: str | Path) -> None:
    """Run nastdata from this checkout."""
    command = [sys.executable, "-m", "nastdata", *map(str, args)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def main() -> None:
    """Load every file and compare its rows with those that the export counted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for tool in ("trl", "llamafactory", "swift"):
        parser.add_argument(f"--{tool}", type=Path, metavar="PYTHON")
    args = parser.parse_args()
    lost = []
    print(describe_machine())
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        if args.trl:
            sys.path.insert(0, str(ROOT / "tests" / "helpers"))
            from tiny_vlm import write_vlm

            write_vlm(work / "vlm")
        for recipe in ("mednega", "contextual"):
            nast("build", recipe, "--limit", "24", "--out", work / recipe, "--set", "phantom_patients=600")
            for tool in ("trl", "llamafactory", "swift"):
                if (python := getattr(args, tool)) is None:
                    continue
                out = work / f"{tool}-{recipe}"
                nast("export", work / recipe, "--format", tool, "--out", out)
                counted = json.loads((out / "export.json").read_text())["files"]
                for file, rows in counted.items():
                    if file.startswith("llava_") or "validation" in file:
                        continue
                    if tool == "llamafactory":
                        stage = "rm" if "dpo" in file else "sft"
                        found = run(python.absolute(), LLAMAFACTORY, out, stage, Path(file).stem, work=work)
                    elif tool == "swift":
                        found = run(python.absolute(), SWIFT, out / file, work=work)
                    else:
                        found = run(python.absolute(), TRL, work / "vlm", out / file, work=work)
                    print(f"{recipe:<11} {tool:<13} {file:<28} {found} of {rows} rows")
                    if found != rows:
                        lost.append(file)
    raise SystemExit(1 if lost else 0)


if __name__ == "__main__":
    main()
