"""What a run as pods costs, against its targets."""
