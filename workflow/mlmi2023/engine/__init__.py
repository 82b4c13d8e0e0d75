"""What only the workflow engine needs: how the process of a job starts and ends."""
