"""The demonstration: real public data, the training job that learns from it, and what it uploads."""
