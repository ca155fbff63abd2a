"""The version of the software, for processes that may not load the platform's settings."""

VERSION = "0.1.0"
