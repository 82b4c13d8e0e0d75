"""Form ``bscans``: stacks of B-scans in MATLAB files with drawn structures, packed as images."""
