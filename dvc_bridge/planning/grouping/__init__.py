"""How stages are grouped into the tasks of a remote run."""
