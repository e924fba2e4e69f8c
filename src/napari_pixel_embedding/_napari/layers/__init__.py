"""The session's napari layers, and the input they take from the user."""
