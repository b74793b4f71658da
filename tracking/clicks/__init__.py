"""Clicks: the redirect server and what it stores."""
