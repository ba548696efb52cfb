from wire import topics


def test_a_topic_is_read_back():
    full = topics.topic("dev-1", "jobs/j9/update")
    assert full == "fieldrec/v1/dev-1/jobs/j9/update"
    assert topics.parse(full) == ("dev-1", "jobs/j9/update")


def test_foreign_topics_are_not_ours():
    for full in (
        "",
        "fieldrec/v1",
        "fieldrec/v1/",
        "fieldrec/v1/dev",
        "other/v1/dev/presence",
        "fieldrec/v1//presence",
    ):
        assert topics.parse(full) == (None, None), full
