"""Tables and files: read, checked, and written atomically."""
