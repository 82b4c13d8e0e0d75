"""Pictures: one look for all, slices of volumes, panels; for quality control, tables and figures of papers."""
