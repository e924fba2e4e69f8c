"""A wheel, made by way of the source archive, is installed away from the checkout and used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

from napari_pixel_embedding import list_models
from napari_pixel_embedding.core.datasets.samples import DRAWN_SAMPLES, list_samples

ROOT = Path(__file__).parents[1]
MODEL = "nuclei-fluo"
FIRST_MODELS = {"nuclei-fluo", "generic", "cells-phase", "volume"}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the source archive and the wheel made from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (path,) = dist.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Interpreter of a fresh environment: the wheel, and this environment's dependencies."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    scripts = "Scripts" if os.name == "nt" else "bin"
    python = folder / scripts / ("python.exe" if os.name == "nt" else "python")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python))
    run(*pip, "install", "--no-index", "--no-deps", "--quiet", str(wheel), cwd=folder)
    purelib = run(
        str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder
    )
    # a .pth file in this environment, the editable install's above all, is not read from there
    places = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    Path(purelib.strip(), "dependencies.pth").write_text("\n".join(sorted(places)))
    return python


def run(*command: str, cwd: Path) -> str:
    """Run a command, show what it said if it fails, and return its output."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    environment["NUMBA_DISABLE_JIT"] = "1"  # to compile all kernels anew takes ten times as long
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def ask(python: Path, code: str, cwd: Path) -> Any:
    """Run code in the fresh environment and read the JSON in its last line."""
    return json.loads(run(str(python), "-c", f"import json\n{code}", cwd=cwd).splitlines()[-1])


def test_wheel_holds_code_manifest_samples_and_models(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        manifest = archive.read("napari_pixel_embedding/napari.yaml")
    package = "napari_pixel_embedding"
    assert {f"{package}/__init__.py", f"{package}/py.typed"} <= names
    assert manifest == (ROOT / "napari.yaml").read_bytes()
    assert f"{package}/sample_data/README.md" in names
    for sample in list_samples():
        assert {
            f"{package}/sample_data/{kind}/{sample}.tif" for kind in ("images", "masks")
        } < names
    models = (ROOT / "src" / package / "models").glob("*.safetensors")
    assert {f"{package}/models/{path.name}" for path in models} <= names
    assert {name.split("/")[0].split("-")[0] for name in names} == {package}


def test_archives_are_fit_for_the_index(dist: Path) -> None:
    archives = [str(path) for path in sorted(dist.iterdir())]
    assert len(archives) == 2
    run(sys.executable, "-m", "twine", "check", "--strict", *archives, cwd=dist)


def test_the_wheel_is_small(wheel: Path) -> None:
    others = len(set(list_models()) - FIRST_MODELS)
    assert wheel.stat().st_size <= min(18e6 + others * 4e6, 40e6)


def test_source_archive_holds_both_manifests(dist: Path) -> None:
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        top = path.name.removesuffix(".tar.gz")
        files = [
            archive.extractfile(f"{top}/{name}")
            for name in ("napari.yaml", "src/napari_pixel_embedding/napari.yaml")
        ]
        first, second = (file.read() for file in files if file is not None)
    assert first == second == (ROOT / "napari.yaml").read_bytes()


def test_installed_package_is_found_away_from_the_checkout(python: Path, tmp_path: Path) -> None:
    code = "import napari_pixel_embedding as p\nprint(json.dumps(p.__file__))"
    place = Path(ask(python, code, tmp_path)).resolve()
    assert python.parents[1].resolve() in place.parents


def test_installed_package_lists_models_and_loads_samples(python: Path, tmp_path: Path) -> None:
    found = ask(
        python,
        "from napari_pixel_embedding import list_models\n"
        "from napari_pixel_embedding.core.datasets.samples import list_samples, load_sample\n"
        "counts = {name: int(load_sample(name)[1].max()) for name in list_samples()}\n"
        "print(json.dumps([list_models(), counts]))",
        tmp_path,
    )
    models, counts = found
    assert models == sorted(p.stem for p in ROOT.glob("src/*/models/*.safetensors"))
    assert list(counts) == list_samples()
    assert counts["nuclei-small"] == 76


def test_installed_manifest_is_found_by_napari(python: Path, tmp_path: Path) -> None:
    code = (
        "from npe2 import PluginManager\n"
        "manager = PluginManager()\n"
        "manager.discover()\n"
        "manifest = manager.get_manifest('napari-pixel-embedding')\n"
        "print(json.dumps([item.key for item in manifest.contributions.sample_data]))"
    )
    drawn = [sample.name for sample in DRAWN_SAMPLES]
    assert ask(python, code, tmp_path) == list_samples() + drawn


def test_installed_command_says_what_it_does(python: Path, tmp_path: Path) -> None:
    command = python.with_name("pixel-embedding" + python.suffix)
    assert "segment" in run(str(command), "--help", cwd=tmp_path)


def test_installed_package_segments_a_sample(python: Path, tmp_path: Path) -> None:
    found = ask(
        python,
        "from napari_pixel_embedding import average_precision, segment\n"
        "from napari_pixel_embedding.core.datasets.samples import load_sample\n"
        "image, truth = load_sample('nuclei-small')\n"
        f"labels = segment(image.data, model={MODEL!r}, axes=image.axes, device='cpu')\n"
        "print(json.dumps([labels.shape, average_precision(truth, labels)]))",
        tmp_path,
    )
    shape, precision = found
    assert shape == [256, 256]
    assert precision > 0.5
