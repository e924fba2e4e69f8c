"""Corrections: edits, tools, autosave and review."""
