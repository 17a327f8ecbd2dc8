"""What readers remember of events: each reader its own, and together what was passed over."""

from matinee.adapters.events_jetstream_messages import Line, Memory


def line(position: int, event_id: str) -> Line:
    return Line(position, f'{{"version":1,"id":"{event_id}"}}')


def test_a_reader_is_given_what_another_one_of_the_process_knows_for_a_repeat() -> None:
    shared = Memory()
    shared.unseen([line(1, "a")])
    assert shared.another().unseen([line(9, "a")]) == [line(9, "a")]


def test_what_one_reader_passed_over_was_shown_to_nobody() -> None:
    shared = Memory()
    tail = shared.another()
    assert tail.unseen([line(1, "a"), line(9, "a"), line(10, "b")]) == [line(1, "a"), line(10, "b")]
    assert shared.shown([line(9, "a"), line(10, "b")]) == {10}
