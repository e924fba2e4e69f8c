"""Datasets: pairs of images and label images, samples that are shipped, and drawn ones."""
