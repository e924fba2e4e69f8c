"""Embedding maps: the vectors a network gives to pixels, and looking into them."""
