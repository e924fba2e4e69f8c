"""An image in tiles: their plan, their way through a network, and what is done without memory."""
