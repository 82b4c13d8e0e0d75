"""Form ``phased_scans``: CT of patients in several phases of a breath, with landmarks."""
