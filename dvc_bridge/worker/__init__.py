"""What runs inside a task of a remote run."""
