"""Hours of work in the window in some minutes: nothing may grow. `make soak` runs it."""
