"""What the terminal shows: tables, live views and progress."""
