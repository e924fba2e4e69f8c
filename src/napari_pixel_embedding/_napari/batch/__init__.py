"""The Batch dock: a whole data set, and its result part by part."""
