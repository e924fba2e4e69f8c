"""Recipes of segmentations: what made a label image, in files, as commands and as code."""
