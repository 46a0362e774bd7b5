"""What the processes of a server count is summed, goes on where another one ended, and is never torn."""

import mmap
import os

from dashboard.core.numbers import BOUNDS, PART, WAITING, Numbers

KEY = ("requests", "GET", "/jobs/<job_id>", "200")


def shared(memory: mmap.mmap, place: int) -> Numbers:
    numbers = Numbers()
    numbers.share(memory, place)
    return numbers


def test_each_key_has_its_own_numbers() -> None:
    numbers = Numbers()
    numbers.add(("commits",), 1, 5)
    numbers.add(("commits",), 1, 2)
    numbers.add(("retried",), 3)
    found = numbers.of_all()
    assert found["commits",][:2] == [2, 7]
    assert found["retried",][0] == 3


def test_a_duration_is_in_the_bucket_whose_bound_it_does_not_exceed() -> None:
    numbers = Numbers()
    for seconds in (0.0, BOUNDS[0], 0.002, BOUNDS[-1], 1_000.0):
        numbers.observe(KEY, seconds)
    total, *buckets = numbers.of_all()[KEY]
    assert total == BOUNDS[0] + 0.002 + BOUNDS[-1] + 1_000
    assert {place: number for place, number in enumerate(buckets) if number} == {0: 2, 1: 1, 12: 1, 13: 1}


def test_processes_are_summed() -> None:
    memory = mmap.mmap(-1, 3 * PART)
    numbers = [shared(memory, place) for place in (0, 2)]
    numbers[0].add(("only here",), 1)
    for each in numbers:
        each.add(KEY, 2)
    for each in numbers:
        assert {key: values[0] for key, values in each.of_all().items()} == {KEY: 4, ("only here",): 1}


def test_another_process_sees_at_once_what_one_counts() -> None:
    memory = mmap.mmap(-1, 2 * PART)
    numbers = shared(memory, 0)
    child = os.fork()
    if child == 0:
        shared(memory, 1).add(KEY, 7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert numbers.of_all()[KEY][0] == 7


def test_a_process_goes_on_from_the_one_before_but_for_what_waited_there() -> None:
    memory = mmap.mmap(-1, PART)
    before = shared(memory, 0)
    before.add(KEY, 5)
    before.add(WAITING, 3)
    after = shared(memory, 0)
    after.add(KEY, 1)
    after.add(WAITING, 1)
    assert [after.of_all()[key][0] for key in (KEY, WAITING)] == [6, 1]


def test_a_record_that_a_killed_process_had_begun_is_nobodys() -> None:
    memory = mmap.mmap(-1, PART)
    before = shared(memory, 0)
    before.add(("first",), 1)
    after_first = len(memory[:].rstrip(b"\0"))
    before.add(("a much longer second one",), 1)
    text = memory[:].index(b'["a much')
    memory[text + 12 : text + 400] = bytes(388)  # it wrote the beginning of the key, and no number
    assert text > after_first
    after = shared(memory, 0)
    assert after.of_all().keys() == {("first",)}
    after.add(("2",), 4)
    assert {key: values[0] for key, values in after.of_all().items()} == {("first",): 1, ("2",): 4}


def test_where_the_memory_is_full_the_others_go_on() -> None:
    numbers = Numbers()
    for number in range(PART // 400):
        numbers.add(("filled", str(number)), 1)
    numbers.add(("filled", "0"), 1)
    numbers.observe(("one", "more"), 1.0)
    found = numbers.of_all()
    assert 1_000 < len(found) < PART // 400
    assert found["filled", "0"][0] == 2
    assert ("one", "more") not in found


def test_a_key_that_is_too_long_is_not_counted() -> None:
    numbers = Numbers()
    numbers.add(("x" * 1_000,), 1)
    assert numbers.of_all() == {}
