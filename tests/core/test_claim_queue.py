"""The claim queue against a sorted list."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dashboard.core import claim_queue
from dashboard.core.claim_queue import ClaimQueue

Row = tuple[int, int]  # seq, priority


def in_order(rows: list[Row]) -> list[int]:
    return [seq for seq, priority in sorted(rows, key=lambda row: (-row[1], row[0]))]


def held(queue: ClaimQueue) -> list[int]:
    known = queue.snapshot(100)
    assert known is not None
    return [entry.seq for entry in known.entries]


def drained(queue: ClaimQueue) -> list[int]:
    return queue.pop(len(queue))


@given(st.lists(st.integers(0, 5), max_size=60))
def test_it_pops_the_highest_priority_first_and_of_those_the_oldest(priorities: list[int]) -> None:
    rows = list(enumerate(priorities, start=1))
    queue = ClaimQueue(in_flight=100)
    queue.refill([], cursor=0, total=0, woken=0)
    queue.catch_up(0, rows)
    assert held(queue) == in_order(rows)
    assert len(queue) == len(rows)
    assert drained(queue) == in_order(rows)


def test_rows_that_two_threads_have_read_enter_once() -> None:
    queue = ClaimQueue(in_flight=100)
    queue.refill([], cursor=0, total=0, woken=0)
    queue.catch_up(0, [(1, 0), (2, 0)])
    queue.catch_up(0, [(1, 0), (2, 0), (3, 0)])
    assert drained(queue) == [1, 2, 3]


def test_rows_read_behind_a_cursor_that_was_forgotten_leave_no_gap() -> None:
    queue = ClaimQueue(in_flight=100)
    queue.refill([(1, 0)], cursor=1, total=1, woken=0)
    queue.forget()
    queue.catch_up(1, [(2, 0)])
    assert queue.snapshot(1) is None
    assert drained(queue) == []


def test_a_snapshot_has_what_the_window_holds_and_no_more() -> None:
    queue = ClaimQueue(in_flight=100)
    queue.refill([(1, 0), (2, 0), (3, 0)], cursor=9, total=9, woken=0)
    for held_now in (3, 2, 1, 0):
        known = queue.snapshot(held_now)
        assert known is not None
        assert ([entry.seq for entry in known.entries], known.total) == ([1, 2, 3][3 - held_now :], held_now + 6)
        assert queue.snapshot(held_now + 1) is None
        queue.pop(1)


class Window(RuleBasedStateMachine):
    """The queue beside the whole table of PENDING rows, with a window small enough to matter."""

    def __init__(self) -> None:
        super().__init__()
        self.size, claim_queue.WINDOW = claim_queue.WINDOW, 3
        self.queue = ClaimQueue(in_flight=100)
        self.queue.refill([], cursor=0, total=0, woken=0)
        self.rows: list[Row] = []
        self.seq = 0

    def teardown(self) -> None:
        claim_queue.WINDOW = self.size

    @rule(priorities=st.lists(st.integers(0, 3), min_size=1, max_size=9))
    def create(self, priorities: list[int]) -> None:
        after = self.seq
        new = list(enumerate(priorities, start=after + 1))
        self.seq += len(new)
        self.rows += new
        self.queue.catch_up(after, new)

    @rule(limit=st.integers(1, 5))
    def claim(self, limit: int) -> None:
        seqs = self.queue.pop(limit)
        if not seqs:
            first = in_order(self.rows)[:3]
            self.queue.refill([row for row in self.rows if row[0] in first], self.seq, len(self.rows), woken=0)
            seqs = self.queue.pop(limit)
        assert seqs == in_order(self.rows)[: len(seqs)]
        assert seqs or not self.rows
        self.rows = [row for row in self.rows if row[0] not in seqs]

    @invariant()
    def it_counts_all(self) -> None:
        assert len(self.queue) == len(self.rows)

    @invariant()
    def what_it_holds_is_the_beginning_of_the_order(self) -> None:
        limit, known = next((limit, known) for limit in (2, 1, 0) if (known := self.queue.snapshot(limit)))
        assert [entry.seq for entry in known.entries] == in_order(self.rows)[:limit]
        assert known.total == len(self.rows)
        if limit < 2:  # it does not hold what comes next, so there is more
            assert known.total > limit


TestWindow = Window.TestCase
TestWindow.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
