"""Corrections: recording, applying, editing and keeping them."""
