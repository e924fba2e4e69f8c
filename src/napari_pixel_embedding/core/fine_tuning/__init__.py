"""Fine-tuning of a model on a user's corrections."""
