"""The import rule, no circles, and nothing heavy that comes uninvited.

cli → workflows → batch → core ← session ← _napari
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.code_figures import Graph, file_graph, floors, imported, in_circles, room_graph

PACKAGE = "napari_pixel_embedding"
SOURCE = Path(__file__).parents[1] / "src" / PACKAGE
QT = {"qtpy", "PyQt5", "PyQt6", "PySide2", "PySide6", "superqt", "magicgui", "pyqtgraph"}
TOP = {f"{PACKAGE}.cli", f"{PACKAGE}._napari"}
ABOVE = {f"{PACKAGE}.batch", f"{PACKAGE}.workflows"}
FORBIDDEN = {
    "core": {"psygnal", "napari", "dask", "distributed", f"{PACKAGE}.session"} | QT | TOP | ABOVE,
    "session": {"napari", "dask", "distributed"} | QT | TOP | ABOVE,
    "_napari": {"torch", "sklearn", "skimage", "dask", "distributed", f"{PACKAGE}.cli"} | ABOVE,
    "batch": {"psygnal", "napari", f"{PACKAGE}.session", f"{PACKAGE}.workflows"} | QT | TOP,
    "workflows": {"napari", "dask", "distributed", f"{PACKAGE}.session"} | QT | TOP,
    "cli": {"napari", "dask", "distributed", f"{PACKAGE}.session", f"{PACKAGE}._napari"} | QT,
    "": TOP,
}
MOST_FILES = 16
"""In one folder: more is a list, not a map."""
FILES = sorted(path.relative_to(SOURCE) for path in SOURCE.rglob("*.py"))


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
        ("", "from ._napari.segment.panel import SegmentPanel"),
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


def test_no_files_import_each_other_in_a_circle() -> None:
    assert in_circles(file_graph(SOURCE)) == []


def test_no_folders_import_each_other_in_a_circle() -> None:
    """Without a circle every folder stands above all that it imports."""
    assert in_circles(room_graph(file_graph(SOURCE))) == []


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"a"}, "c": {"a"}, "d": set()}, ["a", "b"]),
        ({"a": {"outside"}}, []),
    ],
)
def test_circles_are_seen(graph: Graph, expected: list[str]) -> None:
    assert in_circles(graph) == expected


def test_floors_are_the_longest_chain() -> None:
    assert floors({"a": {"b", "d"}, "b": {"c"}, "c": {"d"}, "d": set(), "e": {"d"}}) == 4


def test_the_graph_knows_what_is_imported() -> None:
    graph = file_graph(SOURCE)
    assert "core.model.config" in graph["core.model.model_file"]
    assert "session.state.session" in graph["session.undo"], "an import for type checkers alone"
    assert "core.clustering" in room_graph(graph)["core.inference"]


@pytest.mark.parametrize("folder", sorted({file.parent for file in FILES}), ids=str)
def test_a_folder_can_be_seen_at_one_glance(folder: Path) -> None:
    assert sum(file.parent == folder for file in FILES) <= MOST_FILES


@pytest.mark.parametrize("file", FILES, ids=str)
def test_a_file_answers_one_question(file: Path) -> None:
    assert len((SOURCE / file).read_text(encoding="utf-8").splitlines()) <= 400
