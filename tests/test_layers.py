"""The import rule, no circles, and nothing heavy that comes uninvited.

cli → workflows → batch → core ← session ← _napari
"""

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
ABOVE = {f"{PACKAGE}.batch", f"{PACKAGE}.workflows"}
FORBIDDEN = {
    "core": {"psygnal", "napari", "dask", f"{PACKAGE}.session"} | QT | TOP | ABOVE,
    "session": {"napari", "dask"} | QT | TOP | ABOVE,
    "_napari": {"torch", "sklearn", "skimage", "dask", f"{PACKAGE}.cli"} | ABOVE,
    "workflows": {"napari", f"{PACKAGE}.session"} | QT | TOP,
    "cli": {"napari", f"{PACKAGE}.session", f"{PACKAGE}._napari"} | QT,
    "": TOP,
}
MOST_FILES = 16
"""In one folder: more is a list, not a map."""
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
        ("core", "from napari_pixel_embedding.workflows.segment import segment_files"),
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


Graph = dict[str, set[str]]


def module_of(file: Path) -> str:
    """Dotted name below the package; that of a folder for its ``__init__``."""
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def file_graph() -> Graph:
    """Which file imports which, imports that only type checkers see included."""
    modules = {module_of(file) for file in FILES} - {""}
    graph: Graph = {}
    for file in FILES:
        package = ".".join((PACKAGE, *file.parts[:-1]))
        names = imported((SOURCE / file).read_text(encoding="utf-8"), package)
        inside = {name.removeprefix(f"{PACKAGE}.") for name in names}
        # "from folder import file" also names the folder, whose __init__ is not what is meant
        found = {
            name
            for name in inside & modules
            if not any(m != name and m.startswith(f"{name}.") and m in inside for m in modules)
        }
        graph[module_of(file)] = found - {module_of(file)}
    return graph


def folder_graph(files: Graph) -> Graph:
    """The same between rooms: second-level folders, and files that lie directly in a part."""
    graph: Graph = {}
    for name, targets in files.items():
        graph.setdefault(room_of(name), set()).update(room_of(target) for target in targets)
    return {room: targets - {room} for room, targets in graph.items()}


def room_of(module: str) -> str:
    parts = module.split(".")
    return ".".join(parts[:2])


def circle(graph: Graph) -> list[str]:
    """Names that lead to each other in a circle; empty where there is none."""
    left = {name: set(targets) & graph.keys() for name, targets in graph.items()}
    while ready := {name for name, targets in left.items() if not targets & left.keys()}:
        left = {name: targets for name, targets in left.items() if name not in ready}
    return sorted(left)


def test_no_files_import_each_other_in_a_circle() -> None:
    assert circle(file_graph()) == []


def test_no_folders_import_each_other_in_a_circle() -> None:
    """Without a circle every folder stands above all that it imports."""
    assert circle(folder_graph(file_graph())) == []


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"a"}, "c": {"a"}, "d": set()}, ["a", "b", "c"]),
        ({"a": {"whole_image"}}, []),
    ],
)
def test_circles_are_seen(graph: Graph, expected: list[str]) -> None:
    assert circle(graph) == expected


def test_the_graph_knows_what_is_imported() -> None:
    graph = file_graph()
    assert "core.model.config" in graph["core.model.model_file"]
    assert "session.state.session" in graph["session.undo"], "an import for type checkers alone"
    assert "core.clustering" in folder_graph(graph)["core.inference"]


@pytest.mark.parametrize("folder", sorted({file.parent for file in FILES}), ids=str)
def test_a_folder_can_be_seen_at_one_glance(folder: Path) -> None:
    assert sum(file.parent == folder for file in FILES) <= MOST_FILES
