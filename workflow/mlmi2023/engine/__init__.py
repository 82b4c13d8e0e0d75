"""What only the workflow engine needs: scripts of rules, the cluster, jobs that were killed."""
