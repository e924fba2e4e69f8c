"""Models: configuration, networks and model files."""
