"""Blockwise processing of images that are larger than memory."""
