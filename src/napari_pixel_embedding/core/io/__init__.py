"""Input and output: image files, label files, and replacing files safely."""
