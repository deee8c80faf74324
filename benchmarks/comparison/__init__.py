"""The comparison of toolchains: equal work, interleaved rounds, one report."""
