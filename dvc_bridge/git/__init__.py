"""Git: revisions, and the files to commit after a merge."""
