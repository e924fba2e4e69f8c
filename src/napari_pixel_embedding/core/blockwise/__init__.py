"""Blockwise: images larger than memory."""
