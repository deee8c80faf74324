"""The parts of a remote run: tasks, snapshot, run store and merge."""
