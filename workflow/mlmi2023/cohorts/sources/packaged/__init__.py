"""Public tables that installed packages bring along: ``export(root)`` writes them in the tidy form."""
