"""The package runs nothing that comes in a file: no pickle of others, no eval, no shell, no unsafe YAML."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "nastdata"
MODULES = sorted(PACKAGE.rglob("*.py"))

BUILT_IN = {"eval", "exec", "compile", "__import__"}
CALLS = {
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.load", "marshal.loads", "shelve.open"),
    *(
        "dill.load",
        "dill.loads",
        "joblib.load",
        "cloudpickle.load",
        "cloudpickle.loads",
        "os.system",
        "os.popen",
    ),
    *(
        "torch.jit.load",
        "torch.hub.load",
        "yaml.unsafe_load",
        "yaml.full_load",
        "yaml.load_all",
        "pd.read_pickle",
    ),
    *("importlib.util.spec_from_file_location", "runpy.run_path", "runpy.run_module", "code.interact"),
    *("shutil.unpack_archive", "np.fromregex"),
}
OWN_PICKLES = {
    "engines/base.py": "functions that this process hands to its own workers",
    "engines/ray_data.py": "shares that this process hands to its own workers, and their results",
}
"""Module -> why it may unpickle: only what the same run has pickled."""
CODE_BY_NAME = {
    "registry.py": "entry points of installed packages",
    "models/python_object.py": "python:MODULE, which the user names to have it run",
    "models/base.py": "libraries by fixed names",
    "cli/__init__.py": "commands by fixed names",
    "compat/__init__.py": "moved modules of the package itself",
    "stages/keys.py": "modules of the package itself, by fixed names",
    "review/extras.py": "libraries by fixed names",
    "__init__.py": "parts of the package itself",
}
"""Module -> what it imports by a name that is data."""


def name_of(node: ast.expr) -> str:
    return ast.unparse(node)


def calls_in(path: Path) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield node, name_of(node.func)


def find_faults(path: Path, where: str) -> list[str]:
    faults = []
    for node, name in calls_in(path):
        words = {k.arg: k.value for k in node.keywords}
        at = f"{where}:{node.lineno}: {name}"
        if name in BUILT_IN or (name in CALLS and not (name.startswith("pickle.") and where in OWN_PICKLES)):
            faults.append(at)
        if name.endswith("torch.load") or name == "torch.load":
            safe = words.get("weights_only")
            if not (isinstance(safe, ast.Constant) and safe.value is True):
                faults.append(f"{at} without weights_only=True")
        if name in ("np.load", "numpy.load"):
            allowed = words.get("allow_pickle")
            if isinstance(allowed, ast.Constant) and allowed.value:
                faults.append(f"{at} with pickles")
        if name == "yaml.load" and "Loader" not in words and len(node.args) < 2:
            faults.append(f"{at} without a loader")
        if name.startswith("subprocess.") and isinstance(words.get("shell"), ast.Constant):
            faults.append(f"{at} through a shell")
        if name.endswith((".extractall", ".extract")) and "str." not in name and "text." not in name:
            if isinstance(node.func, ast.Attribute) and name_of(node.func.value) in ("tar", "archive", "zip"):
                faults.append(f"{at} unpacks to disk")
        trusted = words.get("trust_remote_code")
        if trusted is not None and not (isinstance(trusted, ast.Constant) and trusted.value is False):
            faults.append(f"{at} runs code of a hub")
        if name.endswith("import_module") and where not in CODE_BY_NAME and not _is_constant(node):
            faults.append(f"{at} imports a name that is data")
    return faults


def _is_constant(node: ast.Call) -> bool:
    return bool(node.args) and isinstance(node.args[0], ast.Constant)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_module_runs_what_a_file_holds(path: Path) -> None:
    assert not find_faults(path, path.relative_to(PACKAGE).as_posix())


@pytest.mark.parametrize(
    "line",
    [
        "pickle.loads(x)",
        "eval(x)",
        "exec(x)",
        "os.system(x)",
        "torch.load(x)",
        "torch.load(x, weights_only=False)",
        "torch.jit.load(x)",
        "np.load(x, allow_pickle=True)",
        "yaml.load(x)",
        "yaml.unsafe_load(x)",
        "subprocess.run(x, shell=True)",
        "archive.extractall(x)",
        "AutoModel.from_pretrained(x, trust_remote_code=True)",
        "import_module(x)",
    ],
)
def test_each_is_found(line: str, tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    path.write_text(line + "\n")
    assert find_faults(path, "m.py")


def test_yaml_is_read_with_safe_loaders_only() -> None:
    import yaml

    from nastdata.ontology.files import LOADER as ONTOLOGY
    from nastdata.reading.language.detect import LOADER as LANGUAGES
    from nastdata.reading.register import LOADER as REGISTERS
    from nastdata.sources.own.read_yaml import PlainLoader

    safe = (yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    base = (*safe, yaml.constructor.SafeConstructor, yaml.constructor.BaseConstructor)
    for loader in (ONTOLOGY, LANGUAGES, REGISTERS, PlainLoader):
        assert issubclass(loader, base) and not issubclass(loader, yaml.constructor.FullConstructor)


def test_the_unpickler_of_scripted_weights_knows_no_other_name() -> None:
    torch = pytest.importorskip("torch")
    import pickle

    from nastdata.models.weight_files.scripted import _Reader

    reader = _Reader.__new__(_Reader)
    for module, name in (("os", "system"), ("builtins", "eval"), ("torch", "load"), ("torch.hub", "load")):
        with pytest.raises(pickle.UnpicklingError, match="no weight"):
            reader.find_class(module, name)
    assert reader.find_class("torch", "HalfStorage") is torch.float16
