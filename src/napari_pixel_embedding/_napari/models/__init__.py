"""Choosing models: list, cards, files, and declarations of networks of other programs."""
