"""Form ``ct_stacks``: CT volumes as stacks of thick slices."""
