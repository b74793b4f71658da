"""What every endpoint of the REST API shares; no business of any app."""
