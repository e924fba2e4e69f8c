"""Inference: from an image to its embedding map, and in one call to labels."""
