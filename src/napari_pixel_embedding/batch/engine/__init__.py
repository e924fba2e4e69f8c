"""The engine: workers that live and die, and tasks that are done all the same."""
