"""Validation: pure rules, and the judge that turns their verdict into a move."""
