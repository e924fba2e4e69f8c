"""Write the pages of the documentation that are made from the code: `make docs` does it first.

    python scripts/make_doc_pages.py docs/generated

- ``command-line.md``: what each command prints with ``--help``;
- ``models.md``: the cards of the bundled models;
- ``evidence.md``: the source of every test that ``docs/compare.md`` names. A test that is not
  there, or of which there are two, is an error.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import sys
from pathlib import Path
from unittest import mock

from napari_pixel_embedding import list_models
from napari_pixel_embedding.cli import main as run_command

ROOT = Path(__file__).parents[1]
CARDS = ROOT / "src" / "napari_pixel_embedding" / "models"
COMMANDS = (
    *("segment", "measure", "export", "finetune", "train", "evaluate", "synthesise"),
    *("batch plan", "batch run", "batch status", "batch resume", "batch keys"),
    *("import-cvppp", "models export", "info", "demo"),
)
_WIDTH = "100"


def main() -> int:
    """Write all pages into the folder."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")
    return 0


def pages() -> dict[str, str]:
    """Return the text of each page by the name of its file."""
    compared = (ROOT / "docs" / "compare.md").read_text(encoding="utf-8")
    return {
        "command-line.md": command_line(),
        "models.md": models(),
        "evidence.md": evidence(compared, ROOT / "tests"),
    }


def command_line() -> str:
    """Return the help of every command."""
    parts = ["# Command line\n\nEvery command tells this itself with `--help`.\n"]
    parts += [f"## {name}\n\n```text\n{_help_of(name)}```\n" for name in COMMANDS]
    return "\n".join(parts)


def _help_of(command: str) -> str:
    printed = io.StringIO()
    environment = {"COLUMNS": _WIDTH, "TERMINAL_WIDTH": _WIDTH, "NO_COLOR": "1"}
    with mock.patch.dict(os.environ, environment), contextlib.redirect_stdout(printed):
        run_command([*command.split(), "--help"])
    return printed.getvalue()


def models() -> str:
    """Return the cards of the bundled models as one page."""
    cards = [(CARDS / f"{name}.md").read_text(encoding="utf-8") for name in list_models()]
    return "# Bundled models\n\n" + "\n".join(re.sub("^#", "##", card) for card in cards)


def evidence(text: str, tests: Path) -> str:
    """Return a page with the source of each test that a text links to as ``evidence.md#NAME``.

    Raises
    ------
    ValueError
        If a test is not there, or several have its name.
    """
    wanted = sorted(set(re.findall(r"evidence\.md#(\w+)", text)))
    found = _sources(tests, set(wanted))
    parts = ["# The tests behind the comparison\n\nEach runs in `make test`.\n"]
    for name in wanted:
        places = found.get(name, [])
        if len(places) != 1:
            raise ValueError(f"expected one test {name} in {tests}, found {len(places)}.")
        path, source = places[0]
        parts.append(f"## {name}\n\n`{path}`\n\n```python\n{source}\n```\n")
    return "\n".join(parts)


def _sources(tests: Path, wanted: set[str]) -> dict[str, list[tuple[str, str]]]:
    """Return where each of the functions stands, and its source."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in sorted(tests.rglob("test_*.py")):
        code = path.read_text(encoding="utf-8")
        for node in ast.parse(code).body:
            if isinstance(node, ast.FunctionDef) and node.name in wanted:
                source = ast.get_source_segment(code, node) or ""
                place = path.relative_to(tests.parent).as_posix()
                found.setdefault(node.name, []).append((place, source))
    return found


if __name__ == "__main__":
    sys.exit(main())
