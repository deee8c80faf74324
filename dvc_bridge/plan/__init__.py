"""Values and decisions; nothing here reads, writes, or asks the time."""
