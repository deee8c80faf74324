"""The report of a comparison: a pure function of its results file."""
