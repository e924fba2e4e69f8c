"""Print the size and the shape of the source code.

    python scripts/code_figures.py [CHECKOUT]

For ``core``, ``session`` and ``_napari``: rooms (folders of the second level, and files that lie
directly in the part), imports between rooms, floors (rooms in the longest chain of imports) and
rooms that import each other in a circle. An import for type checkers counts like any other. For
the package: lines of ``src``, the lines of its functions and its longest file.
"""

from __future__ import annotations

import argparse
import ast
from pathlib import Path
from statistics import median, quantiles

PACKAGE = "napari_pixel_embedding"
PARTS = ("core", "session", "_napari")

Graph = dict[str, set[str]]
"""Which name imports which."""


def main() -> None:
    """Print a table of the parts and a line about the package."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, nargs="?", default=Path(__file__).parents[1])
    source = parser.parse_args().checkout / "src" / PACKAGE
    if not source.is_dir():
        parser.error(f"expected a checkout with src/{PACKAGE}, found none in {source.parents[1]}")
    files = file_graph(source)
    print("| part | rooms | imports between rooms | floors | rooms in circles |")
    print("|---|---:|---:|---:|---|")
    for part in PARTS:
        print(describe(part, inside(room_graph(files), part)))
    print(f"\nfiles in circles: {', '.join(in_circles(files)) or 'none'}")
    print_lines(source)


def describe(part: str, rooms: Graph) -> str:
    """Write a row of the table."""
    imports = sum(map(len, rooms.values()))
    circles = in_circles(rooms)
    height = "–" if circles else str(floors(rooms))
    return f"| {part} | {len(rooms)} | {imports} | {height} | {', '.join(circles) or 'none'} |"


def print_lines(source: Path) -> None:
    """Print lines of code: of everything, of functions, of the longest file."""
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in source.rglob("*.py")}
    functions = sorted(n for path in lines for n in function_lines(path.read_text("utf-8")))
    longest = max(lines, key=lambda path: lines[path])
    print(
        f"lines of src: {sum(lines.values())} in {len(lines)} files; longest file "
        f"{longest.relative_to(source)}, {lines[longest]}"
    )
    print(
        f"lines of a function: median {median(functions):g}, 90th percentile "
        f"{quantiles(functions, n=10)[-1]:g}, longest {functions[-1]}"
    )


def function_lines(source: str) -> list[int]:
    """Lines of each function, from its name to its end; decorators do not count."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = (node for node in ast.walk(ast.parse(source)) if isinstance(node, kinds))
    return [node.end_lineno - node.lineno + 1 for node in nodes]  # type: ignore[operator]


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


def module_of(file: Path) -> str:
    """Dotted name below the package; that of a folder for its ``__init__``."""
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def file_graph(source: Path) -> Graph:
    """Find which file imports which, imports that only type checkers see included."""
    files = sorted(path.relative_to(source) for path in source.rglob("*.py"))
    modules = {module_of(file) for file in files} - {""}
    graph: Graph = {}
    for file in files:
        package = ".".join((PACKAGE, *file.parts[:-1]))
        names = imported((source / file).read_text(encoding="utf-8"), package)
        named = {name.removeprefix(f"{PACKAGE}.") for name in names}
        # "from folder import file" also names the folder, whose __init__ is not what is meant
        found = {
            name
            for name in named & modules
            if not any(m != name and m.startswith(f"{name}.") and m in named for m in modules)
        }
        graph[module_of(file)] = found - {module_of(file)}
    return graph


def room_graph(files: Graph) -> Graph:
    """Draw the same between rooms: second-level folders, and files that lie directly in a part."""
    graph: Graph = {}
    for name, targets in files.items():
        graph.setdefault(room_of(name), set()).update(room_of(target) for target in targets)
    return {room: targets - {room} for room, targets in graph.items()}


def room_of(module: str) -> str:
    """Name of the room that a module lies in."""
    return ".".join(module.split(".")[:2])


def inside(graph: Graph, part: str) -> Graph:
    """Rooms of one part, and what they import from each other."""
    rooms = {name for name in graph if name.startswith(f"{part}.")}
    return {room: graph[room] & rooms for room in rooms}


def in_circles(graph: Graph) -> list[str]:
    """Names that import themselves by way of others."""
    return sorted(name for name in graph if name in reached(graph, name))


def reached(graph: Graph, name: str) -> set[str]:
    """Everything that a name imports, and what that imports, and so on."""
    found: set[str] = set()
    new = graph.get(name, set())
    while new:
        found |= new
        new = {target for one in new for target in graph.get(one, set())} - found
    return found


def floors(graph: Graph) -> int:
    """Names in the longest chain of imports, in a graph without a circle."""
    left, count = dict(graph), 0
    while left:
        left = {name: targets for name, targets in left.items() if targets & left.keys()}
        count += 1
    return count


if __name__ == "__main__":
    main()
