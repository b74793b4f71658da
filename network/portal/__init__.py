"""The portal: one page of static modules in front of the REST API, and nothing more."""
