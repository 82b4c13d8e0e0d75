"""Form ``exams``: a stack of slices and a row of a health record per exam."""
