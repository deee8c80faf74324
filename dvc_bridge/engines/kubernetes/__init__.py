"""What engines on Kubernetes share: connection, errors and pod logs."""
