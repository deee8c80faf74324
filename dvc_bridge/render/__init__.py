"""A plan as text, for people and for programs; nothing here reads or writes."""
