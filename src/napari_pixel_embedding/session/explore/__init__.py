"""Exploring embeddings: state and views."""
