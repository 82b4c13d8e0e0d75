"""What only the workflow engine needs: scripts of rules, warm workers, the cluster, jobs that were killed."""
