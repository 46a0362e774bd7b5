"""The rules: what a job is, what may become of it, and in which order jobs are claimed.

Standard library only. No I/O, no Flask, no SQL."""
