"""From an image to its labels in one call; in blocks where it does not fit into memory."""
