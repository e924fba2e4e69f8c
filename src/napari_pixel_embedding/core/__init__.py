"""The chain image → embedding → clusters → labels as pure functions on arrays."""
