"""Models: configuration, network and file."""
