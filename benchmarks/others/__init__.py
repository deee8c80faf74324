"""Other people's servers on the same model and rows, each in an environment of its own."""
