"""The ceiling: a Flask view that does nothing. What the same gunicorn serves of it is the most a view can reach."""

import json

from flask import Flask, Response

from dashboard.core.numbers import Numbers
from dashboard.ops.traffic import Traffic

app = Flask(__name__)
app.extensions["numbers"] = Numbers()  # what gunicorn.conf.py shares among the processes
app.extensions["traffic"] = Traffic(app.extensions["numbers"])

# A job of the size that the others answer with, as text already.
ANSWER = json.dumps(
    {
        "id": "019b76da-a800-7000-8000-000000000000",
        "type": "image_resize",
        "payload": {"image_url": "https://example.com/image.png", "width": 300, "height": 300},
        "priority": 5,
        "status": "PENDING",
        "result": None,
        "created_at": "2026-01-01T12:00:00.123456",
        "started_at": None,
        "completed_at": None,
    }
)


@app.route("/", methods=["GET", "POST"])
def constant() -> Response:
    return Response(ANSWER, mimetype="application/json")
