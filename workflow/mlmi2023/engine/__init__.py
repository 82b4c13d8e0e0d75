"""What only the workflow engine needs: scripts, warm workers, the cluster, killed jobs, words on mistakes."""
