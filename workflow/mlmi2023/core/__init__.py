"""What everything stands on: configuration, jobs, files, errors, provenance, the tidy file of results."""
