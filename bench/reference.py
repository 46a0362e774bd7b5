"""What the service is compared with: the design that it takes the place of, as a careful user would write and run it.

FastAPI with `def` endpoints, a SQLAlchemy ORM session a request by Depends, commit and refresh, SQLite in WAL mode, and
a heap in the process that is loaded from the database at start; uvicorn runs it with uvloop and httptools.
"""

import heapq
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from threading import Lock
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends, FastAPI, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import JSON, String, create_engine, event, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

engine = create_engine(os.environ.get("DATABASE_URL", "sqlite:///./jobs.db"), connect_args={"check_same_thread": False})
SessionLocal = sessionmaker(bind=engine, autoflush=False)


@event.listens_for(engine, "connect")
def use_wal(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA journal_mode = WAL")


def utc_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


class Base(DeclarativeBase):
    pass


class Job(Base):
    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=lambda: str(uuid4()))
    type: Mapped[str] = mapped_column(String(100))
    payload: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    priority: Mapped[int] = mapped_column(default=0)
    status: Mapped[str] = mapped_column(String(9), default="PENDING")
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]


class JobCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: str = Field(min_length=1, max_length=100)
    payload: dict[str, Any] | None = None
    priority: int = Field(default=0, ge=0)


class JobComplete(BaseModel):
    model_config = ConfigDict(extra="forbid")

    result: dict[str, Any] | None = None


class JobOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    type: str
    payload: dict[str, Any] | None
    priority: int
    status: str
    result: dict[str, Any] | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


queue: list[tuple[int, datetime, str]] = []
queue_lock = Lock()


def enqueue(job: Job) -> None:
    with queue_lock:
        heapq.heappush(queue, (-job.priority, job.created_at, job.id))


def get_db() -> Iterator[Session]:
    db = SessionLocal()
    try:
        yield db
    finally:
        db.close()


Database = Annotated[Session, Depends(get_db)]


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    Base.metadata.create_all(engine)
    with SessionLocal() as db:
        for job in db.scalars(select(Job).where(Job.status == "PENDING")):
            enqueue(job)
    yield


app = FastAPI(lifespan=lifespan)


@app.post("/jobs", response_model=JobOut, status_code=201)
def create(body: JobCreate, db: Database) -> Job:
    job = Job(**body.model_dump())
    db.add(job)
    db.commit()
    db.refresh(job)
    enqueue(job)
    return job


@app.get("/jobs", response_model=list[JobOut])
def jobs(db: Database, status: str | None = None, limit: Annotated[int, Query(ge=1, le=1_000)] = 100) -> list[Job]:
    query = select(Job).order_by(Job.created_at.desc()).limit(limit)
    if status:
        query = query.where(Job.status == status)
    return list(db.scalars(query))


@app.post("/jobs/claim", response_model=JobOut)
def claim(db: Database) -> Job:
    while True:
        with queue_lock:
            if not queue:
                raise HTTPException(404, "No pending jobs")
            *_, job_id = heapq.heappop(queue)
        job = db.get(Job, job_id)
        if job is not None and job.status == "PENDING":
            break
    job.status = "RUNNING"
    job.started_at = utc_now()
    db.commit()
    db.refresh(job)
    return job


@app.get("/jobs/summary")
def summary(db: Database) -> dict[str, int]:
    rows = db.execute(select(Job.status, func.count().label("number")).group_by(Job.status))
    counts = {row.status: row.number for row in rows}
    return {status.lower(): counts.get(status, 0) for status in ("PENDING", "RUNNING", "COMPLETED", "FAILED")}


@app.post("/jobs/{job_id}/complete", response_model=JobOut)
def complete(job_id: str, body: JobComplete, db: Database) -> Job:
    job = db.get(Job, job_id)
    if job is None:
        raise HTTPException(404, "Job not found")
    if job.status != "RUNNING":
        raise HTTPException(400, f"Job is {job.status}")
    job.status = "COMPLETED"
    job.result = body.result
    job.completed_at = utc_now()
    db.commit()
    db.refresh(job)
    return job
