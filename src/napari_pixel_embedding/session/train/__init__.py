"""Training and fine-tuning from the window."""
