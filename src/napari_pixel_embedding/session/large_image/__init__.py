"""Large images: blocks around the ROI."""
