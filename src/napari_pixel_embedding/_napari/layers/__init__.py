"""Layers: what is shown in the viewer and what is done there."""
