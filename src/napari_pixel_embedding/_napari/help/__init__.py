"""The guide, the keys and the diagnostics, in the window."""
