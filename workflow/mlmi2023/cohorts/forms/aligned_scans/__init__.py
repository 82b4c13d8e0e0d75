"""Form ``aligned_scans``: labelled volumes on one grid, for registration between subjects."""
