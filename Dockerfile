FROM python:3.13-slim AS build
COPY requirements.txt .
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --no-compile --require-hashes -r requirements.txt

FROM python:3.13-slim
COPY --from=build /venv /venv
WORKDIR /app
COPY . .
RUN useradd --uid 10001 --no-create-home app && mkdir /data && chown app /data
USER app
VOLUME /data
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0 PORT=8080 DATABASE_URL=sqlite:////data/jobs.db
EXPOSE 8080
HEALTHCHECK CMD python -c "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/readyz', timeout=3)"
CMD ["python", "-m", "dashboard"]
