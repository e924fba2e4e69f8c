"""Segmenting: runs, cuts and the diameter."""
