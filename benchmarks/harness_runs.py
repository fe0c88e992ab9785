"""Our exports in the real tools: 12 items, a scripted local server, the tool's own score beside ours.

    python benchmarks/harness_runs.py --inspect PYTHON --lmms PYTHON --vlmevalkit PYTHON [--json]

Each PYTHON is the interpreter of an environment of its own (a tool that is not named is not run):

    python -m venv i && i/bin/pip install inspect-ai==0.3.285 openai
    python -m venv l && l/bin/pip install lmms-eval==0.7.3 'filelock<4'
    VLMEvalKit: pip install -e . of its checkout, and xlsxwriter (ms-vlmeval 0.0.20 is a repackaging that
    runs too)

The server answers in several manners, some of them unusable. Every figure of a tool must equal that of
`nastdata evaluate` on the same answers; VLMEvalKit's own score may only be lower, since it reads fewer
forms (its answers scored by our reader must equal ours). Exits with 1 if one differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from machine import describe_machine

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "helpers"))
from vision_server import Question, serve_vision  # noqa: E402

MANNERS = (
    *("{x}", "({x})", "Answer: {x}", "The answer is {x}.", "**{x}**", "{t}", "{x}. {t}"),
    *("<think>A? No.</think>\n{x}", "I cannot determine.", "A chest radiograph shows nothing.", "A or B"),
)
CONFIGS = {"mednega": "mednega", "contextual": "claims"}
"""Recipe -> task."""


def answer(q: Question) -> str:
    """Return the same answer whatever a tool writes around the options."""
    options = "|".join(q.options[x].strip() for x in sorted(q.options))
    h = int(hashlib.sha256(options.encode()).hexdigest(), 16)
    x = sorted(q.options)[h % len(q.options)]
    return MANNERS[(h // 8) % len(MANNERS)].format(x=x, t=q.options[x].strip())


def run(*args: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    """Run a command; return its output.

    Raises:
        SystemExit: with its last lines, if it fails.
    """
    plain = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [str(a) for a in args], capture_output=True, text=True, env={**plain, **(env or {})}, cwd=cwd
    )
    if done.returncode:
        raise SystemExit(
            f"{' '.join(map(str, args[:4]))} failed:\n{done.stdout[-1500:]}{done.stderr[-1500:]}"
        )
    return done.stdout


def nast(*args: str | Path) -> str:
    """Run nastdata from this checkout."""
    return run(sys.executable, "-m", "nastdata", *args, env={"PYTHONPATH": str(ROOT)})


def judge_ours(folder: Path, url: str, work: Path) -> dict[str, float]:
    """Return our own figures."""
    out = work / f"evaluation-{folder.name}"
    nast("evaluate", folder, "--split", "all", "--model", f"vlm:m@{url}", "--out", out, "--bootstrap", "10",
         "--cache", work / "cache")  # fmt: skip
    report = json.loads((out / "evaluation.json").read_text())
    found = next(iter(report["results"].values()))
    names = {"mcq_negated": "negated", "mcq_affirmative": "affirmative", "claim": "claims"}
    figures = {short: found[name]["mean"] for name, short in names.items() if name in found}
    unusable = next(iter(report["models"].values()))["generative"][folder.name]["unusable"].values()
    figures["unusable"] = sum(u["unusable"] for u in unusable) / sum(u["answers"] for u in unusable)
    for name in ("negated", "affirmative"):
        if f"whole_group_{name}" in found:
            figures[f"whole_groups_{name}"] = found[f"whole_group_{name}"]["mean"]
    if "mcq_gap" in found:
        figures["gap"] = found["mcq_gap"]["mean"]
    return figures


def judge_inspect(python: Path, export: Path, task: str, url: str, work: Path) -> dict[str, float]:
    """Run inspect_ai; return its figures."""
    logs = work / f"inspect-{task}"
    env = {"LOCAL_BASE_URL": url, "LOCAL_API_KEY": "none", "INSPECT_LOG_DIR": str(logs), "HOME": str(work)}
    run(python.parent / "inspect", "eval", f"{export / 'nast_inspect.py'}@{task}", "--model",
        "openai-api/local/m", "--display", "none", "--log-format", "json", env=env, cwd=work)  # fmt: skip
    logged = [json.loads(p.read_text()) for p in sorted(logs.glob("*.json"))]
    log = next((x for x in logged if isinstance(x, dict) and "results" in x), None)
    if log is None or log["status"] != "success":
        raise SystemExit(f"inspect: {log['status'] if log else 'no log'}")
    metrics = {k: m["value"] for s in log["results"]["scores"] for k, m in s["metrics"].items()}
    if task == "claims":
        return {"claims": metrics["accuracy"], "unusable": metrics["unusable"]}
    return {k: metrics[k] for k in ("negated", "affirmative", "gap", "unusable")}


def judge_lmms(python: Path, export: Path, task: str, url: str, work: Path) -> dict[str, float]:
    """Run lmms-eval; return its figures."""
    out = work / f"lmms-{task}"
    env = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(work / "hf"), "HOME": str(work)}
    model = f"model_version=m,base_url={url},api_key=none,num_concurrent=4"
    run(python.parent / "lmms-eval", "--model", "openai", "--model_args", model, "--include_path", export,
        "--tasks", f"nast_{task}", "--batch_size", "1", "--log_samples", "--output_path", out,
        env=env, cwd=work)  # fmt: skip
    found = sorted(out.rglob("*_results.json"))
    if not found:
        raise SystemExit("lmms-eval wrote no results")
    results: dict[str, Any] = json.loads(found[0].read_text())["results"][f"nast_{task}"]
    wanted = ("negated", "affirmative", "claims", "gap", "unusable")
    whole = ("whole_groups_negated", "whole_groups_affirmative")
    return {k: results[f"{k},none"] for k in (*wanted, *whole) if f"{k},none" in results}


def judge_vlmevalkit(python: Path, export: Path, task: str, url: str, work: Path) -> dict[str, float]:
    """Run VLMEvalKit; return its answers scored by the script that travels with the export."""
    name = {"mednega": "NAST_MedNega", "claims": "NAST_Claims"}[task]
    config = json.loads((export / "config.json").read_text())
    config["model"] = {"NAME": {**config["model"]["NAME"], "api_base": f"{url}/chat/completions"}}
    config["data"] = {name: config["data"][name]}
    data, out = work / f"lmu-{task}", work / f"vlmevalkit-{task}"
    data.mkdir()
    (data / f"{name}.tsv").symlink_to(export / f"{name}.tsv")
    (work / "config.json").write_text(json.dumps(config))
    run(python, "-m", "vlmeval.run", "--config", work / "config.json", "--work-dir", out, "--judge",
        "exact_matching", env={"LMUData": str(data), "HOME": str(work)}, cwd=work)  # fmt: skip
    table = out / "NAME" / f"NAME_{name}.xlsx"
    scored = json.loads(run(python, export / "nast_score.py", table, "--json"))
    figures = {w: f["accuracy"] for w, f in scored.items() if isinstance(f, dict)}
    own = [line.split(",") for line in (out / "NAME" / f"NAME_{name}_acc.csv").read_text().splitlines()]
    heads = [c.strip('"') for c in own[0]]
    for line in own[1:]:
        row = dict(zip(heads, (c.strip('"') for c in line), strict=True))
        figures[f"own {row['split']}"] = float(row["Overall"])
    return figures


def main() -> None:
    """Run the tools and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    tools = {"inspect": judge_inspect, "lmms": judge_lmms, "vlmevalkit": judge_vlmevalkit}
    formats = {"inspect": "inspect", "lmms": "lmms-eval", "vlmevalkit": "vlmevalkit"}
    for tool in tools:
        parser.add_argument(f"--{tool}", type=Path, metavar="PYTHON")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    table: dict[str, dict[str, dict[str, float]]] = {}
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as name, serve_vision(answer) as (url, _):
        work = Path(name)
        for recipe, task in CONFIGS.items():
            folder = work / recipe
            nast("build", recipe, "--limit", "12", "--set", "images=embed", "--out", folder,
                 "--set", "phantom_patients=600")  # fmt: skip
            ours = judge_ours(folder, url, work)
            table[task] = {"nastdata": ours}
            for tool, judge in tools.items():
                if (python := getattr(args, tool)) is None:
                    continue
                export = work / f"{tool}-{recipe}"
                nast("export", folder, "--format", formats[tool], "--split", "all", "--out", export)
                found = judge(python.absolute(), export, task, url, work)
                table[task][tool] = found
                for key, value in found.items():
                    if key.startswith("own "):
                        if value > ours[key.removeprefix("own ")] + 1e-9:
                            wrong.append(f"{task}, {tool}, {key}: {value} > {ours[key.removeprefix('own ')]}")
                    elif abs(value - ours[key]) > 1e-6:
                        wrong.append(f"{task}, {tool}, {key}: {value}, ours {ours[key]}")
    if args.json:
        print(json.dumps({"machine": describe_machine(), "figures": table, "wrong": wrong}, indent=1))
    else:
        print(describe_machine())
        for task, by_tool in table.items():
            for tool, figures in by_tool.items():
                told = "  ".join(f"{k} {v:.4f}" for k, v in figures.items())
                print(f"{task:<8} {tool:<11} {told}")
        print("all figures equal" if not wrong else "\n".join(wrong))
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
