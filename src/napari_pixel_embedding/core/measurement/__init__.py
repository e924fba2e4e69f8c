"""Measurements of objects: size, shape, intensity, embedding and certainty; tables in files."""
