"""Damaged files of every kind: `make fuzz` reads a million of them, the suite some thousands."""
