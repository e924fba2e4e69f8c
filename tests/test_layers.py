"""The import rule: cli → batch → core ← session ← _napari, and nothing heavy comes uninvited."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = "napari_pixel_embedding"
SOURCE = Path(__file__).parents[1] / "src" / PACKAGE
QT = {"qtpy", "PyQt5", "PyQt6", "PySide2", "PySide6", "superqt", "magicgui", "pyqtgraph"}
TOP = {f"{PACKAGE}.cli", f"{PACKAGE}._napari"}
ABOVE = {f"{PACKAGE}.batch", f"{PACKAGE}.workflows", f"{PACKAGE}.datasets"}
FORBIDDEN = {
    "core": {"psygnal", "napari", "dask", f"{PACKAGE}.session"} | QT | TOP | ABOVE,
    "session": {"napari", "dask"} | QT | TOP | ABOVE,
    "_napari": {"torch", "sklearn", "skimage", "dask", f"{PACKAGE}.cli"} | ABOVE,
    "": TOP,
}
FILES = sorted(path.relative_to(SOURCE) for path in SOURCE.rglob("*.py"))


def imported(source: str, package: str) -> set[str]:
    """Every module that a source file imports, absolute, wherever the statement stands."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = package.split(".")[: 1 - node.level or None] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return names


def broken(names: set[str], part: str) -> set[str]:
    """Those of the imported names that lie in a package the part must not import."""
    return {name for name in names if parents(name) & FORBIDDEN[part]}


def parents(name: str) -> set[str]:
    words = name.split(".")
    return {".".join(words[: end + 1]) for end in range(len(words))}


@pytest.mark.parametrize("file", FILES, ids=str)
def test_file_imports_only_what_its_part_may(file: Path) -> None:
    part = file.parts[0] if file.parts[0] in FORBIDDEN else ""
    package = ".".join((PACKAGE, *file.parts[:-1]))
    assert broken(imported((SOURCE / file).read_text(encoding="utf-8"), package), part) == set()


@pytest.mark.parametrize(
    ("part", "source"),
    [
        ("core", "import psygnal"),
        ("core", "from napari.utils import progress"),
        ("core", "def f():\n    from qtpy import QtCore"),
        ("core", "from ..session import state"),
        ("core", "from napari_pixel_embedding.workflows import segment_files"),
        ("session", "import dask.array as da"),
        ("session", "from napari_pixel_embedding import _napari"),
        ("_napari", "import torch.nn"),
        ("", "from ._napari.dock import segment_widget"),
    ],
)
def test_rule_sees_a_forbidden_import(part: str, source: str) -> None:
    package = f"{PACKAGE}.{part}" if part else PACKAGE
    assert broken(imported(source, package), part)


def test_rule_tells_napari_from_this_package() -> None:
    names = imported("from napari_pixel_embedding.core import metrics", f"{PACKAGE}.core")
    assert broken(names, "core") == set()


def loaded_after(statement: str) -> set[str]:
    """Top-level packages in `sys.modules` of a fresh interpreter after a statement."""
    code = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


def import_all(part: str) -> str:
    modules = [
        ".".join((PACKAGE, *file.with_suffix("").parts))
        for file in FILES
        if file.parts[0] == part and file.name != "__init__.py"
    ]
    return f"import {', '.join(modules)}"


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        (f"import {PACKAGE}", {"torch", "numba", "skimage", "napari", "dask", "psygnal"} | QT),
        (import_all("core"), {"psygnal", "napari", "dask"} | QT),
        (import_all("session"), {"napari", "dask", "torch", "numba"} | QT),
        (import_all("_napari"), {"torch", "sklearn"}),  # napari itself loads numba and skimage
    ],
    ids=["package", "core", "session", "_napari"],
)
def test_import_loads_nothing_heavy(statement: str, absent: set[str]) -> None:
    assert loaded_after(statement) & absent == set()
