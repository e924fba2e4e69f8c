"""Runs over whole data sets: their folder, their progress, and logs that survive a kill."""
