"""The dock Correct."""
