"""HTML reports: their values, charts and page."""
