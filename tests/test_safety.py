"""What the source must never do: run what a file says, start a shell, or listen to the world.

The rules are of the syntax tree, so that a word in a comment or a docstring is no finding, and a
change of layout hides none.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "napari_pixel_embedding"
FILES = sorted(SOURCE.rglob("*.py"))
CHILDREN = SOURCE / "core" / "child_process.py"

RUNS_FILES = {
    "pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal",
}  # fmt: skip
"""Modules whose readers run what a file tells them to."""
REACHES_OUT = {"socket", "urllib", "http", "requests", "httpx", "aiohttp", "ftplib", "smtplib"}
STARTS = {"run", "Popen", "call", "check_call", "check_output", "getoutput", "getstatusoutput"}
"""What of subprocess starts a process; one file does so for all."""
CALLS = {"eval", "exec", "compile", "__import__"}
METHODS = {
    "os.system", "os.popen", "os.spawnl", "os.spawnv", "os.execv", "os.startfile",
    "tempfile.mktemp", "yaml.load", "yaml.unsafe_load", "torch.hub.load", "torch.jit.load",
    "np.fromregex", "extractall",
}  # fmt: skip


def findings(tree: ast.AST, file: Path = SOURCE / "x.py") -> list[str]:
    """Return what a module does that it must not."""
    return [found for node in ast.walk(tree) for found in _of(node, file)]


def _of(node: ast.AST, file: Path) -> list[str]:
    if isinstance(node, ast.Import):
        return [f for alias in node.names for f in _module(alias.name, file)]
    if isinstance(node, ast.ImportFrom):
        starts = node.module == "subprocess" and file != CHILDREN
        names = [f"imports {a.name}" for a in node.names if starts and a.name in STARTS]
        return names + _module(node.module or "", file)
    return _call(node, file) if isinstance(node, ast.Call) else []


def _module(name: str, file: Path) -> list[str]:
    top = name.split(".")[0]
    if top in RUNS_FILES | REACHES_OUT | {"multiprocessing", "pty"}:
        return [f"imports {name}"]
    return []


def _call(node: ast.Call, file: Path) -> list[str]:
    name = ast.unparse(node.func)
    keywords = {k.arg: k.value for k in node.keywords}
    starts = name.startswith("subprocess.") and name.split(".")[1] in STARTS
    found = ["starts a process"] if starts and file != CHILDREN else []
    if name in CALLS or any(name == m or name.endswith(f".{m}") for m in METHODS):
        found.append(f"calls {name}")
    if name.endswith("torch.load") and not _is(keywords.get("weights_only"), True):
        found.append("torch.load without weights_only=True")
    if name in ("np.load", "numpy.load") and not _is(keywords.get("allow_pickle"), False):
        found.append("np.load without allow_pickle=False")
    if "shell" in keywords and not _is(keywords["shell"], False):
        found.append(f"{name} with a shell")
    if name.endswith((".extract", ".unpack_archive")):
        found.append(f"calls {name}")
    return found


def _is(value: ast.expr | None, wanted: bool) -> bool:
    return isinstance(value, ast.Constant) and value.value is wanted


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(SOURCE)))
def test_a_module_does_nothing_unsafe(file):
    assert findings(ast.parse(file.read_text(encoding="utf-8")), file) == []


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from pickle import loads as read",
        "import joblib.numpy_pickle",
        "subprocess.run(command)",
        "subprocess.Popen(command)",
        "from subprocess import check_output",
        "from multiprocessing import Process",
        "import urllib.request",
        "eval(text)",
        "exec(text)",
        "torch.load(path)",
        "torch.load(path, weights_only=flag)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text)",
        "archive.extractall(folder)",
        "shutil.unpack_archive(path)",
        "run(command, shell=True)",
        "run(command, shell=flag)",
        "os.system(command)",
        "tempfile.mktemp()",
        "torch.jit.load(path)",
    ],
)
def test_what_is_unsafe_is_found(code):
    assert findings(ast.parse(code))


@pytest.mark.parametrize(
    "code",
    [
        "torch.load(path, weights_only=True)",
        "np.load(path, allow_pickle=False)",
        "yaml.safe_load(text)",
        "run(command, shell=False)",
        "model.eval()",
        "re.compile(pattern)",
        "subprocess.list2cmdline(words)",
        "'pickle.load(file)'",
    ],
)
def test_what_is_safe_is_not(code):
    assert not findings(ast.parse(code))
