"""Planning: decisions about a pipeline, without input or output."""
