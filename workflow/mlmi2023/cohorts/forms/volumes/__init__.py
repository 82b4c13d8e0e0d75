"""Form ``volumes``: subjects on one grid after preprocessing; the default."""
