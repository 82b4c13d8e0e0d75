"""Pages that open offline: of a paper, of a bench record, of all papers."""
