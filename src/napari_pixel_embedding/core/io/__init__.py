"""Input and output: image files, label files, and atomic writing."""
