"""The command line."""

from napari_pixel_embedding.cli.app import FAILED, INTERRUPTED, OK, WRONG_USE, main

__all__ = ["FAILED", "INTERRUPTED", "OK", "WRONG_USE", "main"]
