"""How files are read and written: volumes, DICOM, photographs, tables."""
