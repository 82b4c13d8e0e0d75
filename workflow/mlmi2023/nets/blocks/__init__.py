"""Blocks and encoders that several networks are built from."""
