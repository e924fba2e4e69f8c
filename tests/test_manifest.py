"""The plugin manifest: at the top level, in the package, and true."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import pytest
from npe2 import PluginManifest

from napari_pixel_embedding.core.datasets.samples import DRAWN_SAMPLES, SAMPLES

ROOT = Path(__file__).parents[1]
INSIDE = ROOT / "src" / "napari_pixel_embedding" / "napari.yaml"


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    return PluginManifest.from_file(INSIDE)


def test_both_manifests_have_equal_bytes() -> None:
    assert (ROOT / "napari.yaml").read_bytes() == INSIDE.read_bytes()


def test_entry_point_leads_to_the_manifest() -> None:
    entry = entry_points(group="napari.manifest")["napari-pixel-embedding"]
    assert entry.value == "napari_pixel_embedding:napari.yaml"


def test_every_command_can_be_imported(manifest: PluginManifest) -> None:
    manifest.validate_imports()


def test_every_command_is_offered_somewhere(manifest: PluginManifest) -> None:
    offered = {item.command for item in manifest.contributions.widgets or []}
    offered |= {item.command for item in manifest.contributions.sample_data or []}
    offered |= {item.command for item in manifest.contributions.writers or []}
    offered |= {"napari-pixel-embedding.copy_diagnostics"}  # in the command palette alone
    assert {command.id for command in manifest.contributions.commands or []} == offered


def test_widgets_are_in_the_layers_menus(manifest: PluginManifest) -> None:
    menus = {
        name: [item.command.split(".")[-1] for item in items]
        for name, items in manifest.contributions.menus.items()
    }
    assert menus == {
        "napari/layers/segment": ["segment", "batch"],
        "napari/layers/visualize": ["embedding"],
        "napari/layers/annotate": ["correct", "fine_tune", "train"],
        "napari/layers/measure": ["measure"],
    }


def test_sample_menu_lists_every_sample(manifest: PluginManifest) -> None:
    offered = [(item.key, item.display_name) for item in manifest.contributions.sample_data or []]
    assert offered == [(sample.name, sample.title) for sample in (*SAMPLES, *DRAWN_SAMPLES)]
