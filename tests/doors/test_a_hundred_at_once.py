"""A hundred people press the same button at the same moment: one of them deploys, the others read why not."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.test import Client

from environments.models import Deployment, Run, RunKind
from projects.models import Event
from tests import builders
from tests.doors.rest import post
from tests.environments import house as houses

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE = 100


def test_of_a_hundred_promotions_of_one_app_exactly_one_is_made_and_the_others_are_told_why() -> None:
    house = houses.house()
    development, staging = (house.environment(name) for name in ("development", "staging"))
    house.chain("development", "staging")
    release = house.release(house.app("ledger"), "1.0")
    house.live(release, development)
    headers = {"Authorization": f"Bearer {builders.grant_token(house.owner)}"}
    wish = {"app_id": str(release.app_id), "environment_id": str(staging.pk)}
    together = Barrier(PEOPLE)

    def promote(n: int) -> tuple[int, str]:
        try:
            client = Client(headers=headers)
            together.wait(30)
            answer = post(client, "/promotions", wish)
            return answer.status_code, json.loads(answer.content).get("detail", "")
        finally:
            connection.close()

    with ThreadPoolExecutor(PEOPLE) as pool:
        answers = list(pool.map(promote, range(PEOPLE)))

    refused = [detail for status, detail in answers if status == 409]
    assert sorted(status for status, _ in answers) == [201] + [409] * (PEOPLE - 1)
    assert len(set(refused)) == 1
    assert re.fullmatch(
        r"ledger 1\.0 is on its way to staging, asked by .+ \(run \d+\); wait for it or cancel it\.", refused[0]
    )
    made = Deployment.objects.get(environment=staging)
    assert Run.objects.filter(kind=RunKind.DEPLOY, environment=staging).count() == 1
    assert Event.objects.filter(kind="deployment.asked", object__id=str(made.pk)).count() == 1
