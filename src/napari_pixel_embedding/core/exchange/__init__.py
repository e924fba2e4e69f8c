"""Label images in the formats of other programs."""
