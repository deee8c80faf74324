"""A run that others carry out: tasks, snapshot, run store and merge."""
