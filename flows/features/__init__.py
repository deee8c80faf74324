"""Columns, features, and the signals that features are computed from."""
