"""Form ``registered_scans``: several images of a patient, registered to one of them, on one grid."""
