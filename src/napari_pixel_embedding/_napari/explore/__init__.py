"""The dock Explore."""
