"""Recipes of results, and applying one to a folder."""
