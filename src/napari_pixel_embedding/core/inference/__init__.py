"""Inference: prediction of embedding maps, and segmentation in one call."""
