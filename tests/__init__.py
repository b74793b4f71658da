"""The tests; folders mirror the apps."""
