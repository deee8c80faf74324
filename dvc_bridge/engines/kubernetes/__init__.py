"""Parts of engines on Kubernetes: connection, errors and pod logs."""
