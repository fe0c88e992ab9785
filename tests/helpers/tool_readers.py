"""How the tools that exports are for read their files, restated from their reading rules."""

from __future__ import annotations

import ast
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

CONTEXT = 77


def count_clip_tokens(text: str) -> int:
    """What ``clip.tokenize`` would need; it raises beyond 77."""
    from open_clip.tokenizer import SimpleTokenizer

    global _TOKENIZER
    if _TOKENIZER is None:
        _TOKENIZER = SimpleTokenizer()
    return len(_TOKENIZER.encode(text)) + 2


_TOKENIZER: Any = None


def open_image(path: str) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.convert("RGB").size


def read_negbench_mcq(path: Path, *, synthetic: bool) -> list[dict[str, Any]]:
    """Read as its MCQ dataset does, and put every possible answer through its bookkeeping.

    Without ``synthetic`` a wrong answer 0 has no name there: the run would end in a KeyError.
    """
    names = {1: "hybrid", 2: "positive", 3: "negative"}
    if synthetic:
        names = {0: "positive", 1: "hybrid", 2: "hybrid", 3: "negative"}
    frame = pd.read_csv(path, sep=",")
    counts = {"positive": 0, "negative": 0, "hybrid": 0}
    rows = []
    for i in range(len(frame)):
        row = frame.iloc[i]
        captions = [row[f"caption_{k}"] for k in range(4)]
        assert open_image(row["image_path"])
        counts[row["correct_answer_template"]] += 1
        for predicted in range(4):
            if predicted != row["correct_answer"]:
                assert names[predicted] in counts
        rows.append(
            {
                "image": row["image_path"],
                "captions": captions,
                "answer": int(row["correct_answer"]),
                "template": row["correct_answer_template"],
            }
        )
    assert sum(counts.values()) == len(frame)
    return rows


def read_negbench_binary(path: Path) -> list[dict[str, Any]]:
    frame = pd.read_csv(path, sep=",")
    return [
        {
            "image": r["image_path"],
            "captions": [r["caption_0"], r["caption_1"]],
            "answer": int(r["correct_answer"]),
        }
        for r in (frame.iloc[i] for i in range(len(frame)))
    ]


def read_negbench_retrieval(path: Path) -> dict[str, list[str]]:
    """Read images with their captions; Recall@5 takes the five best of all images."""
    frame = pd.read_csv(path, sep=",")
    assert len(frame) >= 5
    assert frame["filepath"].is_unique
    out = {}
    for i in range(len(frame)):
        captions = ast.literal_eval(frame.iloc[i]["captions"])
        assert isinstance(captions, list) and captions and all(isinstance(c, str) for c in captions)
        out[frame.iloc[i]["filepath"]] = captions
    return out


def read_neat(path: Path) -> list[dict[str, list[str]]]:
    """Read as its text dataset does: the further lists are indexed by the caption's number."""
    frame = pd.read_csv(path, sep=",")
    rows = []
    for i in range(len(frame)):
        columns = ("captions", "pos_captions", "neg_captions", "inverted_captions")
        lists = {c: ast.literal_eval(frame.iloc[i][c]) for c in columns}
        for k in range(len(lists["captions"])):
            assert all(isinstance(lists[c][k], str) for c in columns)
        rows.append({**lists, "filepath": frame.iloc[i]["filepath"]})
    return rows


def read_conclip(folder: Path, held_out: int) -> list[tuple[str, str, str, str]]:
    """Read as its fine-tuning with distractors does; the last ``held_out`` rows are its evaluation's."""
    import torch

    data = torch.load(folder / "preprocessed_data.pt")
    mapping = torch.load(folder / "distractor_mapping.pt")
    coco = json.loads((folder / "distractors.json").read_text())
    images = {image["id"]: image["file_name"] for image in coco["images"]}
    ids = sorted(images)
    with_caption = {a["image_id"] for a in coco["annotations"]}
    size = len(data["image_paths"]) - held_out
    out = []
    for i, path in enumerate(data["image_paths"][:size]):
        note = data["annotations"][:size][i]
        negative = note["sop_data"]["negative-prompt"].replace(",", "")
        top = ids[mapping[i][0]]
        assert top in with_caption
        out.append((path, note["json"]["caption"], str(folder / images[top]), negative))
    return out


def read_negclip(path: Path) -> list[dict[str, Any]]:
    """Read as its CSV dataset does; it draws a hard caption and a hard image, and that one's hard caption."""
    literals = {"neg_caption": ast.literal_eval, "neg_image": ast.literal_eval}
    frame = pd.read_csv(path, sep="\t", converters=literals)
    images, titles = frame["filepath"].tolist(), frame["title"].tolist()
    captions, numbers = frame["neg_caption"].tolist(), frame["neg_image"].tolist()
    rows = []
    for i in range(len(frame)):
        assert captions[i] and numbers[i]
        mates = [(images[j], titles[j], captions[j]) for j in numbers[i]]
        rows.append({"image": images[i], "title": titles[i], "false": captions[i], "mates": mates})
    return rows


def read_openclip_csv(path: Path) -> list[tuple[str, str]]:
    frame = pd.read_csv(path, sep=",")
    return list(zip(frame["filepath"].tolist(), map(str, frame["title"].tolist()), strict=True))


def read_webdataset(folder: Path, split: str) -> list[dict[str, Any]]:
    """Group tar members by the name up to its first dot, as webdataset does, and decode them."""
    samples: list[dict[str, Any]] = []
    for shard in sorted(folder.glob(f"{split}-*.tar")):
        before = len(samples)
        with tarfile.open(shard) as tar:
            for member in tar:
                key, _, suffix = member.name.partition(".")
                data = tar.extractfile(member)
                assert data is not None
                if not samples or samples[-1]["__key__"] != key:
                    samples.append({"__key__": key})
                samples[-1][suffix] = data.read()
        assert json.loads((folder / "sizes.json").read_text())[shard.name] == len(samples) - before
    for sample in samples:
        with Image.open(io.BytesIO(sample["jpg"])) as image:
            assert image.format == "JPEG"
        sample["txt"] = sample["txt"].decode()
        sample["json"] = json.loads(sample["json"])
    return samples
