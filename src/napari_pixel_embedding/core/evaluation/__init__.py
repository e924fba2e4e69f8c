"""Evaluation: segmentation metrics and error counts."""
