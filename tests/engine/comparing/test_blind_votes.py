from math import comb

import pytest

from engine.comparing.blind_votes import (
    SIGNIFICANCE,
    BlindVote,
    Choice,
    VoteBook,
    VotesFileError,
    photos_to_tell,
    sign_test,
    tally,
)


def vote(photo, choice, first="Model", second="Noisy", voted_at="t"):
    return BlindVote(photo=photo, first=first, second=second, choice=choice, mode="split", voted_at=voted_at)


def by_counting(num_first, num_second):
    """The test's definition: how likely a fair coin falls as unevenly."""
    count, gap = num_first + num_second, abs(num_first - num_second)
    return sum(comb(count, k) for k in range(count + 1) if abs(2 * k - count) >= gap) / 2**count


@pytest.mark.parametrize(("first", "second"), [(1, 0), (5, 0), (6, 0), (9, 1), (7, 7), (3, 4), (120, 80)])
def test_the_sign_test_counts_throws_of_a_coin(first, second):
    assert sign_test(first, second) == pytest.approx(by_counting(first, second))
    assert sign_test(second, first) == sign_test(first, second)


def test_no_preference_tells_nothing():
    assert sign_test(0, 0) == 1.0


def test_the_place_on_screen_does_not_count():
    votes = [
        vote("1.png", Choice.FIRST),
        vote("2.png", Choice.SECOND, first="Noisy", second="Model"),
        vote("3.png", Choice.SAME),
        vote("4.png", Choice.SECOND),
    ]
    (entry,) = tally(votes)
    assert (entry.first, entry.second) == ("Model", "Noisy")
    assert (entry.num_first, entry.num_second, entry.num_same) == (2, 1, 1)
    assert entry.num_votes == 4


def test_a_photo_counts_once_by_its_majority():
    votes = [vote("1.png", Choice.FIRST, voted_at=str(n)) for n in range(9)] + [vote("1.png", Choice.SECOND)]
    votes += [vote("2.png", Choice.FIRST), vote("2.png", Choice.SECOND)]
    (entry,) = tally(votes)
    assert (entry.num_first, entry.num_second, entry.num_same) == (1, 0, 1)
    assert entry.probability == 1.0


def test_pairs_are_told_apart():
    votes = [vote("1.png", Choice.FIRST), vote("1.png", Choice.FIRST, second="Other"), vote("2.png", Choice.SAME)]
    entries = tally(votes)
    assert [(entry.first, entry.second, entry.num_photos) for entry in entries] == [
        ("Model", "Noisy", 2),
        ("Model", "Other", 1),
    ]
    assert tally([]) == []


def test_how_many_more_photos_would_tell():
    (entry,) = tally([vote(f"{n}.png", Choice.FIRST) for n in range(3)])
    more = photos_to_tell(entry)
    assert sign_test(3 + more, 0) <= SIGNIFICANCE < sign_test(2 + more, 0)
    (sure,) = tally([vote(f"{n}.png", Choice.FIRST) for n in range(12)])
    assert photos_to_tell(sure) == 0


def test_votes_are_kept_and_taken_back(tmp_path):
    book = VoteBook(tmp_path / "data" / "votes.json")
    assert book.read() == ()
    first, second = vote("1.png", Choice.FIRST), vote("Größe 2.png", Choice.SAME)
    book.add(first)
    VoteBook(book.path).add(second, first)
    assert book.read() == (first, second, first)
    book.remove(first)
    assert sorted(book.read(), key=str) == sorted((first, second), key=str)
    book.remove(first, second, second)
    assert book.read() == ()


def test_a_damaged_file_is_left_alone(tmp_path):
    path = tmp_path / "votes.json"
    path.write_text('{"schema_version": 2, "votes": []}')
    for change in (VoteBook(path).read, lambda: VoteBook(path).add(vote("1.png", Choice.SAME))):
        with pytest.raises(VotesFileError) as caught:
            change()
        assert str(path) in caught.value.message
    assert path.read_text() == '{"schema_version": 2, "votes": []}'


def test_a_vote_that_cannot_be_kept_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(VotesFileError):
        VoteBook(tmp_path / "file" / "votes.json").add(vote("1.png", Choice.SAME))
