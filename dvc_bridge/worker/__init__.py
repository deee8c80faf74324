"""The worker, which runs one task of a remote run."""
