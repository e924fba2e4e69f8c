"""Embedding maps: the vectors that a network predicts for pixels, and views of them."""
