"""What the documents name is there: files, links, modules, classes, commands, options, headings."""

from __future__ import annotations

import builtins
import contextlib
import importlib
import io
import os
import pkgutil
import re
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import napari_pixel_embedding
from napari_pixel_embedding.cli import main
from napari_pixel_embedding.cli.app import app
from scripts.make_doc_pages import COMMANDS, evidence, pages

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "napari_pixel_embedding"
GENERATED = ROOT / "docs" / "generated"
DOCUMENTS = sorted(
    path.relative_to(ROOT)
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *(path for path in (ROOT / "docs").rglob("*.md") if path.parent != GENERATED),
        *(ROOT / "sample_data").glob("*.md"),
        *(ROOT / "benchmarks").rglob("*.md"),
        *(SOURCE / "models").glob("*.md"),
    )
)
SCRIPTS = sorted(
    path.relative_to(ROOT)
    for folder in ("benchmarks", "scripts")
    for path in (ROOT / folder).rglob("*.py")
    if path.name != "peer.py"  # runs in StarDist's environment
)
NOT_OURS = {"AdamW"}
"""Names in capital letters that are other people's."""

Span = tuple[str, str]


def text_of(document: Path) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def spans(text: str) -> list[str]:
    """What stands between single backticks, outside of blocks of code."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [" ".join(span.split()) for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose)]


def blocks(text: str) -> list[str]:
    return re.findall(r"^```\w*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def words(text: str) -> set[str]:
    """Whatever could be a path or a name, in spans and in blocks of code."""
    code = " ".join([*spans(text), *blocks(text)])
    return {word.strip(".,;:()[]'\"") for word in code.split()}


def repository_paths(text: str) -> set[str]:
    """Words that begin with a folder of the repository or of the package, or end like a script."""
    folders = {path.name for root in (ROOT, SOURCE) for path in root.iterdir() if path.is_dir()}
    found = {word for word in words(text) if re.fullmatch(r"[\w./*-]+", word)}
    return {
        word
        for word in found
        if ("/" in word and word.split("/")[0] in folders) or word.endswith(".py")
    }


def path_exists(path: str, document: Path) -> bool:
    places = (ROOT, SOURCE, (ROOT / document).parent)
    return any(any(place.glob(path.rstrip("/"))) for place in places)


def resolves(name: str) -> bool:
    """Whether a dotted name is a module, or something within one."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ImportError:
            continue
        return _has(found, parts[end:])
    return False


def _has(found: object, names: list[str]) -> bool:
    for name in names:
        if not hasattr(found, name):
            return False
        found = getattr(found, name)
    return True


def imported_names(text: str) -> set[str]:
    """Dotted names that code imports from this package."""
    pattern = r"from (napari_pixel_embedding[\w.]*) import (?:\(([^)]*)\)|([^\n(]+))"
    return {
        f"{module}.{name.split(' as ')[0].split('#')[0].strip()}"
        for module, several, one in re.findall(pattern, text)
        for name in (several or one).split(",")
        if name.split("#")[0].strip()
    }


def anchors(text: str) -> set[str]:
    """Headings as links name them."""
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


generated = cache(pages)


def commands(text: str) -> list[Span]:
    """Each command of the command line that is shown, with everything behind it."""
    code = "\n".join([*spans(text), *blocks(text)])
    return re.findall(
        r"(?:^|/)pixel-embedding ((?:models |batch )?[a-z][\w-]*)(.*)$", code, flags=re.MULTILINE
    )


@cache
def help_of(command: str) -> str:
    """Run ``--help`` and return what it prints."""
    printed = io.StringIO()
    with mock.patch.dict(os.environ, COLUMNS="200"), contextlib.redirect_stdout(printed):
        try:
            code = main([*command.split(), "--help"])
        except SystemExit as stop:
            code = stop.code
    assert not code, f"pixel-embedding {command} --help ended with {code}"
    return printed.getvalue()


def class_names() -> set[str]:
    """Classes and other names in capital letters that the source defines."""
    code = "\n".join(path.read_text("utf-8") for path in SOURCE.rglob("*.py"))
    found = re.findall(r"^\s*class (\w+)|^([A-Z]\w+)\s*[:=]", code, flags=re.MULTILINE)
    return {name for pair in found for name in pair if name}


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_paths_exist(document: Path) -> None:
    found = repository_paths(text_of(document))
    assert {path for path in found if not path_exists(path, document)} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", text_of(document))
    for link in links:
        if re.match(r"https?:", link):
            continue
        path, _, heading = link.partition("#")
        target = ((ROOT / document).parent / path if path else ROOT / document).resolve()
        if target.parent == GENERATED:
            there = generated()[target.name]
        else:
            assert target.exists(), link
            there = "" if target.suffix != ".md" else target.read_text(encoding="utf-8")
        assert not heading or heading in anchors(there), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_modules_and_names_exist(document: Path) -> None:
    text = text_of(document)
    dotted = {w for w in words(text) if re.fullmatch(r"napari_pixel_embedding(\.\w+)+", w)}
    parts = {path.name for path in SOURCE.iterdir() if path.is_dir()} - {"session", "models"}
    below = {w for w in words(text) if re.fullmatch(r"\w+(\.\w+)+", w) and w.split(".")[0] in parts}
    dotted |= {f"napari_pixel_embedding.{w}" for w in below if not w.endswith((".py", ".md"))}
    missing = {name for name in dotted | imported_names(text) if not resolves(name)}
    assert missing == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_classes_and_attributes_exist(document: Path) -> None:
    from napari_pixel_embedding.session.state.session import Session

    text = text_of(document)
    capitals = {span for span in spans(text) if re.fullmatch(r"[A-Z][a-z]+([A-Z][a-z]*)+", span)}
    assert capitals - class_names() - NOT_OURS - set(dir(builtins)) == set()
    fields = {w.split(".")[1] for w in words(text) if re.fullmatch(r"session\.[a-z_]+", w)}
    known = set(Session.__dataclass_fields__) | {m.name for m in _modules("session")} | {"py"}
    assert fields - known == set()


def _modules(part: str) -> list[pkgutil.ModuleInfo]:
    return list(pkgutil.iter_modules([str(SOURCE / part)]))


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_commands_and_their_options_exist(document: Path) -> None:
    for command, rest in commands(text_of(document)):
        options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", rest.split("#")[0]))
        known = set(re.findall(r"--[a-z][a-z-]*", help_of(command)))
        assert options <= known, f"pixel-embedding {command}{rest}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_single_options_exist(document: Path) -> None:
    shown = {command for path in DOCUMENTS for command, _ in commands(text_of(path))}
    known = "\n".join(help_of(command) for command in sorted(shown))
    known += "\n".join((ROOT / path).read_text(encoding="utf-8") for path in SCRIPTS)
    single = {span.split()[0] for span in spans(text_of(document)) if span.startswith("--")}
    assert {option for option in single if not re.search(rf"{option}\b", known)} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_targets_of_make_exist(document: Path) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    code = "\n".join([*spans(text_of(document)), *blocks(text_of(document))])
    named = set(re.findall(r"^make ([\w-]+)", code, flags=re.MULTILINE))
    assert named - targets == set()


@pytest.mark.parametrize("script", SCRIPTS, ids=str)
def test_what_a_script_imports_exists(script: Path) -> None:
    names = imported_names((ROOT / script).read_text(encoding="utf-8"))
    assert {name for name in names if not resolves(name)} == set()


def test_every_command_is_in_the_reference() -> None:
    known = set(_names(app))
    for group in app.registered_groups:
        known |= {f"{group.name} {name}" for name in _names(group.typer_instance)}
    assert set(COMMANDS) == known
    assert all(f"## {name}\n" in generated()["command-line.md"] for name in COMMANDS)


def _names(of: Any) -> list[str]:
    commands = of.registered_commands
    return [one.name or one.callback.__name__.replace("_", "-") for one in commands]


def test_every_public_name_is_in_the_reference() -> None:
    text = text_of(Path("docs/reference/python.md"))
    shown = re.findall(r"^::: napari_pixel_embedding\.(?:[\w.]+\.)?(\w+)$", text, re.MULTILINE)
    assert sorted(shown) == sorted(napari_pixel_embedding.__all__)


def test_evidence_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("def test_one():\n    assert 1\n")
    assert "assert 1" in evidence("[yes](evidence.md#test_one)", tmp_path)
    with pytest.raises(ValueError, match="expected one test test_two"):
        evidence("[yes](evidence.md#test_two)", tmp_path)


def test_each_yes_of_ours_leads_to_a_test() -> None:
    lines = text_of(Path("docs/compare.md")).splitlines()
    ours = [line.split("|")[2].strip() for line in lines if line.startswith("| ")][1:]
    assert len(ours) > 20
    evidence_link = r"\[yes\]\(generated/evidence\.md#\w+\)"
    assert all(cell == "no" or re.fullmatch(evidence_link, cell) for cell in ours)


def test_missing_things_are_seen() -> None:
    text = "`core/nowhere.py` and `napari_pixel_embedding.nothing`; `pixel-embedding fly --far`"
    assert repository_paths(text) == {"core/nowhere.py"}
    assert not path_exists("core/nowhere.py", Path("README.md"))
    assert not resolves("napari_pixel_embedding.nothing")
    assert not resolves("napari_pixel_embedding.core.model.presets.SYSTEMS")
    assert commands(text) == [("fly", " --far")]
    assert imported_names("from napari_pixel_embedding.a import (\n    b,\n    c as d,\n)") == {
        "napari_pixel_embedding.a.b",
        "napari_pixel_embedding.a.c",
    }


def test_the_package_under_test_is_that_of_the_documents() -> None:
    assert Path(napari_pixel_embedding.__file__).parent == SOURCE
