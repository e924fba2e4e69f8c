"""The state of one viewer: values only, nothing acts."""
