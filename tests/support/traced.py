"""The application under OpenTelemetry's instrumentations of Flask and SQLAlchemy: prints the spans of some requests,
which are sent at the same time.

A process of its own, because they change Flask and SQLAlchemy for all who import them.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

from opentelemetry import trace
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


def main(url: str, *requests: str) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    FlaskInstrumentor().instrument()
    SQLAlchemyInstrumentor().instrument(skip_dep_check=True)

    from dashboard.app import create_app  # noqa: PLC0415  # after them, as their own program does

    app = create_app({"DATABASE_URL": url})
    exporter.clear()

    def send(request: str) -> int:
        method, path = request.split()
        body = {"type": "t"} if request == "POST /jobs" else None
        return app.test_client().open(path, method=method, json=body).status_code

    with ThreadPoolExecutor(len(requests)) as pool:
        statuses = list(pool.map(send, requests))
    spans = [_told(span) for span in exporter.get_finished_spans()]
    print(json.dumps({"statuses": statuses, "spans": spans}))


def _told(span: ReadableSpan) -> dict[str, object]:
    assert span.context
    return {
        "name": span.name,
        "id": span.context.span_id,
        "parent": span.parent.span_id if span.parent else None,
        "attributes": dict(span.attributes or {}),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
