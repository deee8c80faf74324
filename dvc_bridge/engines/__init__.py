"""What carries out the tasks of a remote run."""
