"""Form ``scans``: labelled volumes, each on a grid of its own."""
