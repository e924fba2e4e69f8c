"""Losses: what pulls the pixels of an object together, and pushes objects apart."""
