"""The JSON door answers each refusal as JSON, whatever the client accepts."""

from dashboard.http.refusals import Door, as_json

DOOR = Door(paths=("/jobs", "/workers", "/activity", "/queue", "/openapi.json", "/client.py"), render=as_json)
