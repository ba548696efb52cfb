from app.chunks import COPY, FETCH, HAVE, Layout, hash_of, runs
from wire import frel


def files(*sizes):
    offset, out = 0, []
    for number, size in enumerate(sizes):
        out.append({"path": "f%d" % number, "offset": offset, "size": size})
        offset += size
    return out


def test_the_layout_is_that_of_the_format():
    """At every size around a chunk's, and with empty files anywhere."""
    for sizes in ((1,), (4096,), (4097,), (0, 4095, 0, 0, 8192, 1, 0), (0,), (3, 0, 20000, 5)):
        parts = files(*sizes)
        layout = Layout(parts)
        expected = list(frel.chunks(parts))
        assert [layout.at(number) for number in range(layout.count)] == expected, sizes


def test_adjacent_chunks_are_one_run():
    assert list(runs(bytes((FETCH, FETCH, HAVE, COPY, COPY, FETCH)))) == [
        (FETCH, 0, 2),
        (HAVE, 2, 3),
        (COPY, 3, 5),
        (FETCH, 5, 6),
    ]
    assert list(runs(bytes((HAVE,)))) == [(HAVE, 0, 1)]
    assert list(runs(b"")) == []


def test_a_run_over_several_files_is_one_span():
    layout = Layout(files(5000, 0, 10, 9000))
    assert layout.count == 6
    assert layout.span(0, 6) == (0, 14010)
    assert layout.span(1, 3) == (4096, 5010)
    assert layout.span(3, 4) == (5010, 5010 + 4096)


def test_the_hash_of_a_chunk():
    index = bytes(range(96))
    assert hash_of(index, 1) == bytes(range(32, 64))
