"""A plan carried out: here, or as pods."""
