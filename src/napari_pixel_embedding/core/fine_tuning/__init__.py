"""Fine-tuning: adapting a model to corrections."""
