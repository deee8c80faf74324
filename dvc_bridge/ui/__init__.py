"""Output on the terminal: tables, live views and progress."""
