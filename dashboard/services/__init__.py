"""One function a use case: the only place where a write begins. Knows nothing of HTTP."""
