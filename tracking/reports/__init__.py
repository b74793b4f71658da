"""Reports: read-only answers, straight from the rows."""
