"""The command line."""

from napari_pixel_embedding.cli.app import main
from napari_pixel_embedding.cli.console import FAILED, INTERRUPTED, OK, WRONG_USE

__all__ = ["FAILED", "INTERRUPTED", "OK", "WRONG_USE", "main"]
