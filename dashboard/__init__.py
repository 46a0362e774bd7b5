"""A server-rendered web dashboard over a job queue. docs/architecture.md is its map."""

__version__ = "0.2.0"
