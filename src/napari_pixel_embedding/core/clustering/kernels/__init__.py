"""Compiled kernels of the cluster index."""
