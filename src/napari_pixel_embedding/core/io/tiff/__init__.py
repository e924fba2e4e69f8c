"""TIFF files: reading, sets of several files, writing as OME-TIFF."""
