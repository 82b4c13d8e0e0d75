"""Form ``table``: a row of numbers per subject."""
