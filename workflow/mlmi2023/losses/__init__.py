"""Losses that at least two papers share and that no library in use has in this form."""
