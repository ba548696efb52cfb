"""A 150 KB app update on a heap of 192 KiB, where each object is twice as large as on a board."""

from tests.bench import updates


def test_a_150_kb_update_fits_in_192_kib_with_the_network_loaded(tmp_path):
    bench = updates.Bench(tmp_path)
    release = bench.release(updates.NEW)
    bench.cost(release, updates.OLD, {})  # it works where there is room
    assert bench.fits(release, 192)
