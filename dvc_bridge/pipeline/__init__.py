"""What a pipeline is: immutable values, without input or output."""
