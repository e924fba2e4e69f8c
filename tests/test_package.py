"""The public names: complete, lazy, and the same for people and for type checkers."""

from __future__ import annotations

import ast
from importlib.metadata import version
from pathlib import Path

import pytest

import napari_pixel_embedding as package


@pytest.mark.parametrize("name", package.__all__)
def test_public_name_leads_to_what_is_called_so(name: str) -> None:
    value = getattr(package, name)
    assert value.__name__ == name
    assert value.__doc__


def test_the_stub_exports_what_it_imports() -> None:
    stub = ast.parse(Path(package.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    imported = [alias.name for node in imports for alias in node.names]
    assert sorted(imported) == sorted(package.__all__)


def test_names_are_listed_before_they_are_imported() -> None:
    assert set(package.__all__) <= set(dir(package))


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="segmnt"):
        _ = package.segmnt


def test_version_is_the_distribution_version_and_that_to_cite() -> None:
    assert package.__version__ == version("napari-pixel-embedding")
    citation = Path(__file__).parents[1].joinpath("CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {package.__version__}\n" in citation
