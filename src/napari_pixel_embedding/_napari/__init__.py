"""The napari plugin: panels, layers and threads around a session."""
