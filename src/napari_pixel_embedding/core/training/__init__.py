"""Training: samples, losses and the loop."""
