"""Training: samples and targets, augmentation, losses, and the training loop."""
