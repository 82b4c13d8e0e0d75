"""Pictures: one look for all, slices of volumes, panels."""
