"""StarDist's own environment: made when it is missing, and called with a request."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def python_of(folder: Path) -> Path:
    """Return the interpreter of the environment in ``folder``; installs it at the first time."""
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    ready = folder / "stardist-ready"
    if not ready.exists():
        venv.create(folder, with_pip=True)
        requirements = HERE / "requirements.txt"
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", requirements], check=True)
        ready.touch()
    return python


def call(environment: Path, threads: int, **request: Any) -> dict[str, Any]:
    """Run ``peer.py`` on a request and return its figures."""
    python = python_of(environment)
    with tempfile.TemporaryDirectory() as folder:
        asked, answer = Path(folder) / "request.json", Path(folder) / "figures.json"
        asked.write_text(json.dumps({**request, "figures": str(answer)}), encoding="utf-8")
        # PYTHONPATH would lead to packages of the calling environment.
        variables = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        variables["OMP_NUM_THREADS"] = str(threads)
        subprocess.run([python, HERE / "peer.py", asked], check=True, env=variables)
        figures: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    return figures
