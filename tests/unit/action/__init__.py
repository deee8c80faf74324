"""Tests of the installer of the Action."""
