from wire import semver


def test_precedence_as_in_section_11():
    rising = (
        "0.0.0",
        "1.0.0-0",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "1.0.1-x-y.-",
        "1.0.1",
        "1.0.10",
        "1.2.0",
        "1.10.0",
        "2.0.0",
        "10.0.0",
    )
    parsed = [semver.parse(version) for version in rising]
    for i, version in enumerate(parsed):
        for j, other in enumerate(parsed):
            assert (version < other) == (i < j) and (version == other) == (i == j), (rising[i], rising[j])


def test_build_metadata_counts_for_nothing():
    assert semver.parse("1.2.3+build.007") == semver.parse("1.2.3")
    assert semver.parse("1.2.3-rc.1+a-b") == semver.parse("1.2.3-rc.1")


def test_what_is_no_version_is_refused():
    core = "|1|1.2|1.2.3.4|01.2.3|1.02.3|1.2.03|v1.2.3|1.2.x| 1.2.3|1.2.3 |-1.2.3|1.2.\u0663|1..3"
    tail = "1.2.3-|1.2.3+|1.2.3-a..b|1.2.3-01|1.2.3-a+|1.2.3-ä|1.2.3-a_b|1.2.3+a+b"
    texts: list = (core + "|" + tail).split("|")
    texts.extend(("1.2." + "3" * 64, None, 1, b"1.2.3"))
    for text in texts:
        try:
            semver.parse(text)
        except ValueError as error:
            assert "not a " in str(error)
        else:
            raise AssertionError(text)
