"""The dock Measure."""
