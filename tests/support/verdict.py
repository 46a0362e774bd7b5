"""Whether the table agrees with what the clients were answered."""

from collections import Counter, defaultdict
from collections.abc import Collection
from typing import NamedTuple

from tests.support.database import query, table
from tests.support.traffic import LIFE, TARGETS, UNANSWERED, Call


class Acknowledged(NamedTuple):
    creates: int
    claims: int
    completions: int


def judge(calls: list[Call], url: str, unsure: Collection[int] = (UNANSWERED,)) -> Acknowledged:
    """Every acknowledged call is in the table, no job was taken twice, and the counters are right.

    Of the calls that were answered with an `unsure` status each may have been done or not; all others that were not
    acknowledged must have changed nothing.
    """
    rows = table(url)
    of_job = defaultdict(list)
    for call in calls:
        if call.job_id:
            of_job[call.job_id].append(call)
    assert of_job.keys() <= {row.id for row in rows}, "a job is lost"

    unexplained: Counter[str] = Counter()
    for row in rows:
        told = [call.action for call in of_job[row.id] if call.acknowledged]
        maybe = [TARGETS[call.action] for call in of_job[row.id] if call.status in unsure]
        assert told.count("claim") + told.count("process") <= 1, f"taken twice: {of_job[row.id]}"
        assert told.count("complete") + told.count("fail") <= 1, f"ended twice: {of_job[row.id]}"
        unexplained["create"] += "create" not in told
        status = max((TARGETS[action] for action in told), key=LIFE.index, default="PENDING")
        if row.status not in (status, *maybe):
            assert (status, row.status) == ("PENDING", "RUNNING"), f"{row} after {of_job[row.id]}"
            unexplained["claim"] += 1
    for action in ("create", "claim"):
        may_be_done = sum(call.action == action and call.status in unsure for call in calls)
        assert unexplained[action] <= may_be_done, f"{unexplained[action]} times an unacknowledged {action} was done"

    statuses = Counter(row.status for row in rows)
    tally = query(url, "SELECT sum(pending), sum(running), sum(completed), sum(failed) FROM tally")[0]
    assert list(tally) == [statuses[status] for status in LIFE]
    done = Counter(call.action for call in calls if call.acknowledged)
    return Acknowledged(done["create"], done["claim"], done["complete"] + done["fail"])


def judge_order(calls: list[Call], url: str) -> None:
    """No better job had been created before a claim was called, and was taken only after it was answered."""
    rank = {row.id: (-row.priority, row.seq) for row in table(url)}
    created = {call.job_id: call for call in calls if call.action == "create" and call.acknowledged}
    taken = {call.job_id: call for call in calls if TARGETS[call.action] == "RUNNING" and call.acknowledged}
    for claim in taken.values():
        passed_over = [
            better
            for better, taker in taken.items()
            if taker.began > claim.ended
            and created[better].ended < claim.began
            and rank[str(better)] < rank[str(claim.job_id)]
        ]
        assert claim.action == "process" or not passed_over, f"{claim} passed over {passed_over}"
