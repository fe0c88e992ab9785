"""Files of models: checkpoints, traces. What is in them was made elsewhere."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

from hostile.fuzz import Act, Attempt, Target
from hostile.mutate import Mutator
from hostile.nasty import archive_attacks, json_attacks
from hostile.targets.tables import PLACES


class Exploit:
    """Pickled, it runs a command when it is loaded."""

    def __init__(self, call: Any, *args: Any) -> None:
        self.call, self.args = call, args

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call, self.args


def pickles() -> dict[str, bytes]:
    """Return pickles that run code, in protocols old and new."""
    import builtins
    import shutil
    import subprocess

    found = {}
    for protocol in (0, 2, 4):
        for name, e in {
            "os.system": Exploit(os.system, "touch hacked"),
            "subprocess": Exploit(subprocess.Popen, ["touch", "hacked"]),
            "eval": Exploit(builtins.eval, "__import__('os').mkdir('hacked')"),
            "rmtree": Exploit(shutil.rmtree, "hacked"),
            "open": Exploit(builtins.open, "hacked", "w"),
        }.items():
            found[f"{name}, protocol {protocol}"] = pickle.dumps(e, protocol)
            found[f"{name} among weights, protocol {protocol}"] = pickle.dumps(
                {"state_dict": {"w": e}}, protocol
            )
    found["nested tuples"] = b"(" * 100_000 + b"t" * 100_000 + b"."
    found["memo bomb"] = b"\x80\x02]q\x00" + b"h\x00a" * 50_000 + b"."
    found["long int"] = b"\x80\x02\x8b" + struct.pack("<i", 1 << 30) + b"."
    found["huge text"] = b"\x80\x02X" + struct.pack("<I", 0xFFFFFFF0) + b"."
    found["frame"] = b"\x80\x04\x95" + b"\xff" * 8 + b"."
    return found


def pack(data: bytes, **more: bytes) -> bytes:
    """Return torch's zip layout around a pickle."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("w/data.pkl", data)
        archive.writestr("w/version", b"3\n")
        for name, content in more.items():
            archive.writestr(name, content)
    return held.getvalue()


def safetensors(header: Any, data: bytes = b"\0" * 64, length: int | None = None) -> bytes:
    """Return a safetensors file with any header."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


def bad_safetensors() -> dict[str, bytes]:
    """Return safetensors files with bad headers."""
    one = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}
    return {
        "long header": safetensors({"a": one}, length=2**62),
        "header beyond the end": safetensors({"a": one}, length=10**6),
        "no header": b"",
        "short": b"\x01",
        "a list": safetensors([1]),
        "overlap": safetensors({"a": one, "b": one}),
        "negative": safetensors({"a": {**one, "data_offsets": [-1, 16]}}),
        "backwards": safetensors({"a": {**one, "data_offsets": [16, 0]}}),
        "outside": safetensors({"a": {**one, "data_offsets": [0, 10**12]}}),
        "huge shape": safetensors({"a": {**one, "shape": [2**40, 2**40]}}),
        "zero times huge": safetensors(
            {"a": {"dtype": "F32", "shape": [0, 2**62], "data_offsets": [0, 0]}}, b""
        ),
        "unknown type": safetensors({"a": {**one, "dtype": "PICKLE"}}),
        "odd types": safetensors({"a": {**one, "dtype": "F8_E4M3", "shape": [16]}}),
        "no offsets": safetensors({"a": {"dtype": "F32", "shape": [4]}}),
        "metadata": safetensors({"__metadata__": {"a": 1}, "a": one}),
        "deep": safetensors(b"[" * 50_000),
        "two names": safetensors(
            b'{"a":' + json.dumps(one).encode() + b',"a":' + json.dumps(one).encode() + b"}"
        ),
        "odd name": safetensors({"../../x\x1b[2J": one}, b"\0" * 16),
        "only metadata": safetensors({"__metadata__": {"a": "b"}}, b""),
    }


def prepare_checkpoint(box: Path) -> Attempt:
    """Weights in every shape, damaged; checkpoints of a run, damaged."""
    import torch
    from safetensors.torch import save

    from nastdata.models.open_clip_weights import read_weights
    from nastdata.training.checkpoints import read_checkpoint

    torch.set_num_threads(1)
    tensors = {f"visual.w{i}": torch.arange(12.0).reshape(3, 4) + i for i in range(4)}
    good: dict[str, bytes] = {"a.safetensors": save(tensors)}
    for name, state in {
        "a.pt": tensors,
        "b.pt": {"state_dict": {f"module.{k}": v for k, v in tensors.items()}, "epoch": 3},
        "c.pt": {"model": {k: v.half() for k, v in tensors.items()}},
    }.items():
        held = io.BytesIO()
        torch.save(state, held)
        good[name] = held.getvalue()
    held = io.BytesIO()
    torch.save(tensors, held, _use_new_zipfile_serialization=False)
    good["old.pt"] = held.getvalue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        holder = torch.nn.Module()
        for k, v in tensors.items():
            holder.register_buffer(k.replace(".", "_"), v)
        scripted = box / "beside" / "s.pt"
        torch.jit.save(torch.jit.script(holder), str(scripted))
    good["script.pt"] = scripted.read_bytes()
    attacks: list[tuple[str, bytes]] = []
    for name, data in pickles().items():
        attacks += [(f"{name}.pt", data), (f"{name}, packed.pt", pack(data))]
        attacks.append(
            (
                f"{name}, as TorchScript.pt",
                pack(data, **{"w/constants.pkl": data, "w/code/x.py": b"import os"}),
            )
        )
    attacks += [(f"{k}.safetensors", v) for k, v in bad_safetensors().items()]
    attacks += [(f"{k}.pt", v) for k, v in archive_attacks().items()]

    def attempt(i: int, m: Mutator) -> tuple[str, Act]:
        if i < len(attacks):
            name, data = attacks[i]
            path = box / "in" / f"w{Path(name).suffix}"
            path.write_bytes(data)
            return f"attack: {name}", lambda: read_weights(path)
        name = m.rng.choice(sorted(good))
        data = good[name]
        roll = m.rng.random()
        way = "bytes"
        if roll < 0.75:
            data = m.raw(data)
            if m.rng.random() < 0.5:
                data = data.ljust(len(good[name]), b"\0")
        elif roll < 0.9 and name.endswith("safetensors"):
            header = json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])
            data, way = safetensors(m.json(header), data[-192:]), "header"
        elif roll < 0.9 and zipfile.is_zipfile(io.BytesIO(data)):
            data, way = _repack(m, data), "members"
        else:
            data, way = m.wrap(data), "packing"
        if m.rng.random() < 0.15:
            run = box / "in" / "run"
            run.mkdir()
            (run / "checkpoint-a.pt").write_bytes(data)
            (run / "checkpoint-b.pt").write_bytes(
                m.rng.choice(attacks)[1] if m.rng.random() < 0.5 else good["a.pt"]
            )
            return f"checkpoint of a run, {way}", lambda: read_checkpoint(run)
        path = box / "in" / f"w{m.rng.choice((Path(name).suffix, Path(name).suffix, '.bin', '.safetensors'))}"
        if m.rng.random() < 0.03:
            PLACES[m.rng.choice(sorted(PLACES))](path)
            way = "no plain file"
        else:
            path.write_bytes(data)
        return f"{name}, {way}", lambda: read_weights(path)

    return attempt


def _repack(m: Mutator, data: bytes) -> bytes:
    """Damage one member of a zip, and leave the archive whole."""
    held = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(held, "w", zipfile.ZIP_STORED) as new:
        names = old.namelist()
        chosen = m.rng.choice([n for n in names if n.endswith(".pkl")] if m.rng.random() < 0.7 else names)
        for name in names:
            content = old.read(name)
            if name == chosen:
                if m.rng.random() < 0.1:
                    continue
                content = m.raw(content) if m.rng.random() < 0.8 else m.rng.choice(list(pickles().values()))
            new.writestr(name, content)
    return held.getvalue()


def prepare_trace(box: Path) -> Attempt:
    """A trace's two files, damaged, read for training weights and for figures."""
    import numpy as np
    from safetensors.numpy import save

    from nastdata.tracing.run import read_trace
    from nastdata.training.layer_weights import take_effects
    from nastdata.training.settings import LayerSettings
    from nastdata.training.weight_shape import shape_weights

    arrays = {
        f"{d}_{e}": np.linspace(0, 1, 7)
        for d in ("noising", "denoising")
        for e in ("mean_of_ratios", "ratio_of_means")
    }
    arrays |= {
        "text_space": np.ones(7),
        "text_space_control": np.ones((3, 7)),
        "attribution_patching": np.ones((2, 7)),
    }
    facts = {
        "nastdata": "0.2.0",
        "model": "open_clip:x",
        "text_tower": "0" * 64,
        "depth": 6,
        "heads": 4,
        "causal": True,
        "settings": {"threshold": 0.01, "controls": 3},
        "rows": {"given": 10, "traced": 8},
        "segments_by_negation_in": {"correct": {"correct": 1}, "foil": {}},
        "roles": ["a"],
        "conditions": ["Edema"],
        "cte": {"noising_mean_of_ratios": [0.1] * 7},
    }
    good = save(arrays)
    numbers = list(json_attacks().values())
    bad = list(bad_safetensors().values())
    folder = box / "in" / "t"

    def use(m: Mutator) -> Act:
        settings = LayerSettings(
            direction=m.rng.choice(("noising", "denoising")),
            estimator=m.rng.choice(("mean_of_ratios", "ratio_of_means")),
            above_control=m.rng.random() < 0.3,
        )

        def act() -> None:
            trace = read_trace(folder)
            _ = trace.facts.get("text_tower"), trace.facts.get("model")
            effects = take_effects(trace, settings)
            assert len(shape_weights(effects, settings)) > 0

        return act

    def attempt(i: int, m: Mutator) -> tuple[str, Act]:
        folder.mkdir()
        (folder / "trace.json").write_text(json.dumps(facts))
        (folder / "trace.safetensors").write_bytes(good)
        if i < len(numbers):
            (folder / "trace.json").write_bytes(numbers[i])
            return "facts of an attacker", use(m)
        if i < len(numbers) + len(bad):
            (folder / "trace.safetensors").write_bytes(bad[i - len(numbers)])
            return "arrays of an attacker", use(m)
        roll = m.rng.random()
        if roll < 0.4:
            (folder / "trace.json").write_bytes(m.json_bytes(json.dumps(facts).encode()))
            return "facts", use(m)
        if roll < 0.65:
            (folder / "trace.safetensors").write_bytes(m.raw(good))
            return "bytes of the arrays", use(m)
        if roll < 0.95:
            odd: dict[str, Any] = dict(arrays)
            name = m.rng.choice(sorted(odd))
            shapes: tuple[Any, ...] = (
                np.array(m.rng.choice((np.nan, np.inf, -np.inf, 1e308))).repeat(7),
                np.zeros((0,)),
                np.zeros((7, 7, 2)),
                np.zeros(()),
                np.zeros(3),
                np.arange(7),
                np.array([True] * 7),
                np.zeros(7, np.float16),
            )
            odd[name] = m.rng.choice(shapes)
            if m.rng.random() < 0.3:
                del odd[name]
            (folder / "trace.safetensors").write_bytes(save(odd))
            return "arrays of other shapes", use(m)
        path = folder / m.rng.choice(("trace.json", "trace.safetensors"))
        path.unlink()
        PLACES[m.rng.choice(sorted(PLACES))](path)
        return "no plain file", use(m)

    return attempt


TARGETS = (
    Target(
        "checkpoint", "weights (.pt, .safetensors, TorchScript) and checkpoints of a run", prepare_checkpoint
    ),
    Target(
        "trace file", "`trace.json` and `trace.safetensors`, read for training and figures", prepare_trace
    ),
)
