"""The pipeline model: immutable values, without input or output."""
