"""The JSON door: the endpoints under /jobs and the OpenAPI document."""
