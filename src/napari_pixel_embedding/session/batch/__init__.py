"""Runs over data sets: started from the window, followed, and found again."""
