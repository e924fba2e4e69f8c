"""Images whose channels are features: clustered as they are, without a network."""
