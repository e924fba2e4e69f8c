"""The docks Train and Fine-tune."""
