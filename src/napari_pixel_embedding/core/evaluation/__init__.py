"""Evaluation: how good label images are."""
