"""The GitHub Action: one use case per mode, from environment variables to files of the runner."""
