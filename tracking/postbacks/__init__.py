"""Postbacks: telling the servers of affiliates what became of their people."""
