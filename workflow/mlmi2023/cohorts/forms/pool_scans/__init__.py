"""Form ``pool_scans``: labelled scans beside pools of others that have no labels, or nothing to label."""
