"""Measuring the objects of a session: the table, what is selected in it, edits of the selected."""
