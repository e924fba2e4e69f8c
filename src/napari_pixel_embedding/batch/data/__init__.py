"""What goes into a run and what comes out: images of any size, data sets, label images."""
