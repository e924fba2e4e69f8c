"""Write the checksums of the bundled models into the code that checks them.

    python scripts/make_model_checksums.py

To be run whenever a file in ``src/napari_pixel_embedding/models`` has changed; a test compares.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

ROOT = Path(__file__).parents[1] / "src" / "napari_pixel_embedding"
HEAD = '''"""Checksums of the bundled models; written by ``scripts/make_model_checksums.py``."""

from __future__ import annotations

SHA256 = {
'''


def main() -> None:
    """Write ``core/model/checksums.py``."""
    found = {p.stem: hashlib.sha256(p.read_bytes()).hexdigest() for p in models()}
    lines = "".join(f'    "{name}": "{digest}",\n' for name, digest in found.items())
    text = f'{HEAD}{lines}}}\n"""SHA-256 of each file, by the name of its model."""\n'
    (ROOT / "core" / "model" / "checksums.py").write_text(text, encoding="utf-8")


def models() -> list[Path]:
    """Return the files of the bundled models."""
    return sorted((ROOT / "models").glob("*.safetensors"))


if __name__ == "__main__":
    main()
