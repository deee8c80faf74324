"""DVC remotes: their settings, listings and transfers."""
