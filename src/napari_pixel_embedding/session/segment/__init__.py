"""Segmentation: runs, clustering and the object diameter."""
