"""Use cases, without argument parsing or printing."""
