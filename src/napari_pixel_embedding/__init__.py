"""Interactive instance segmentation from pixel embeddings."""
