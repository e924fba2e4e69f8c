"""The steps from image to embedding, clusters and labels, as pure functions on arrays."""
