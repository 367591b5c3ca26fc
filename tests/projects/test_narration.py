"""Every event is told in a sentence, and no event can break it."""

from projects import narration
from projects.models import Event


def test_every_sentence_is_told_without_gaps_whatever_the_event_lacks():
    for kind in narration.SENTENCES:
        told = narration.sentence(Event(kind=kind, object={"name": "Thing"}, data={}))
        assert told and told.endswith(".") and "{" not in told and "  " not in told


def test_a_deployment_tells_what_why_and_what_was_there_before():
    data = {
        "deployment_kind": "promotion", "app": "shop", "version": "2.0", "environment": "Production",
        "from_version": "1.0", "reason": "",
    }  # fmt: skip
    assert narration.sentence(Event(kind="deployment.succeeded", data=data)) == (
        "shop 2.0 promoted to Production, it was 1.0."
    )
    data["reason"] = "health check: no answer in 60 s."
    assert narration.sentence(Event(kind="deployment.failed", data=data)) == (
        "Promotion of shop 2.0 to Production failed: health check: no answer in 60 s."
    )


def test_a_revoked_token_tells_how_many_ended_with_it():
    revoked = Event(kind="token.revoked", object={"name": "ci"}, data={"also": 0})
    assert narration.sentence(revoked) == "Access token ci revoked."
    revoked.data["also"] = 600
    assert narration.sentence(revoked) == "Access token ci revoked, and 600 made with it."


def test_why_a_worker_left_is_told_in_words():
    left = Event(
        kind="worker.disconnected", object={"name": "heron"}, data={"environment": "Quay", "reason": "SIGTERM"}
    )
    assert narration.sentence(left) == "Worker heron left Quay: told to stop."
    left.data["reason"] = "the machine is taken away"
    assert narration.sentence(left) == "Worker heron left Quay: the machine is taken away."


def test_braces_in_a_name_or_reason_are_only_text():
    event = Event(kind="environment.failed", object={"name": "{0.__class__}"}, data={"reason": "{secret} %s {"})
    assert narration.sentence(event) == "{0.__class__} is in error: {secret} %s {."


def test_an_unknown_kind_is_told_in_its_own_words():
    assert narration.sentence(Event(kind="blue_moon.rose", object={"name": "x"}, data={})) == "Blue moon x: rose."
