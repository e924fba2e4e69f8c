"""Correcting: edits, tools, autosave and review."""
