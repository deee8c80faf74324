"""The local runner: processes, their output, records and history."""
