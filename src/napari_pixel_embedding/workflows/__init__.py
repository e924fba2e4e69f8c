"""Whole tasks on files, for scripts and the command line."""
