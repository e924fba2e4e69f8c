"""Datasets: folders of images and label images, bundled samples, and synthetic images."""
