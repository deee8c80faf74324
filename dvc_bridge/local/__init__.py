"""The runner of this machine: processes, their output, records and history."""
