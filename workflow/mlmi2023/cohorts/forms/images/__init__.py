"""Form ``images``: photographs of one size, each with a label map."""
