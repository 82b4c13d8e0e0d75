"""Form ``reports``: findings and impression of radiology reports."""
