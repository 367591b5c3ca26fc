"""A chain is the order of stages that releases travel through; the project's own counts before the default."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from environments import lifecycle
from environments.delivery import chains
from environments.models import Chain, Environment, Stage
from environments.planning import stages
from projects import access
from projects.access import Permission
from projects.errors import Conflict, Invalid, NotAllowed, NotFound
from projects.models import Event, Role
from tests.environments.house import House, house

pytestmark = pytest.mark.django_db


@pytest.fixture
def home() -> House:
    return house()


def written(chain: Chain) -> list[tuple[str, list[str]]]:
    return [(stage.name, [each.name for each in stages.environments_of(stage)]) for stage in stages.stages_of(chain)]


def made(home: House, *names: str) -> None:
    for name in names:
        lifecycle.create(by=home.owner, name=name, provisioner="external")


class TestTheFirst:
    def test_one_click_makes_three_environments_and_protects_production(self, home: House) -> None:
        chain = chains.begin(by=home.owner)
        assert written(chain) == [
            ("Development", ["development"]),
            ("Staging", ["staging"]),
            ("Production", ["production"]),
        ]
        found = Environment.objects.filter(name__in=["development", "staging", "production"]).order_by("created_at")
        assert [(each.name, each.tier, each.protected, each.state) for each in found] == [
            ("development", "development", False, "pending"),
            ("staging", "staging", False, "pending"),
            ("production", "production", True, "pending"),
        ]
        assert all(each.runs.filter(kind="provision", phase="queued").exists() for each in found)

    def test_environments_that_exist_are_taken_as_they_are(self, home: House) -> None:
        made(home, "Staging")
        chain = chains.begin(by=home.owner)
        assert written(chain)[1] == ("Staging", ["Staging"])
        assert Environment.objects.filter(name__iexact="staging").count() == 1

    def test_a_production_that_exists_unprotected_is_protected(self, home: House) -> None:
        lifecycle.create(by=home.owner, name="Production", description="ours", provisioner="external")
        chain = chains.begin(by=home.owner)
        found = Environment.objects.get(name__iexact="production")
        assert (found.name, found.protected, found.description) == ("Production", True, "ours")
        assert written(chain)[2] == ("Production", ["Production"])
        changed = Event.objects.get(kind="environment.updated")
        assert changed.data["changed"] == ["protected"]

    def test_who_may_not_protect_production_begins_nothing(self, home: House, monkeypatch: pytest.MonkeyPatch) -> None:
        made(home, "production")
        less = access.PERMISSIONS[Role.ADMIN] - {Permission.MANAGE_ENVIRONMENTS}
        monkeypatch.setitem(access.PERMISSIONS, Role.ADMIN, less)
        made(home, "development", "staging")
        with pytest.raises(NotAllowed, match="does not let you manage environments"):
            chains.begin(by=home.person(Role.ADMIN))
        assert not Chain.objects.exists()
        assert not Environment.objects.get(name="production").protected

    def test_a_second_click_is_refused_and_makes_nothing(self, home: House) -> None:
        chains.begin(by=home.owner)
        count = Environment.objects.count()
        with pytest.raises(chains.ChainExists):
            chains.begin(by=home.owner)
        assert Environment.objects.count() == count

    def test_an_operator_cannot(self, home: House) -> None:
        with pytest.raises(NotAllowed):
            chains.begin(by=home.person(Role.OPERATOR))


class TestCreating:
    def test_stages_stand_in_order_and_hold_several(self, home: House) -> None:
        made(home, "dev", "prod-us", "prod-eu")
        chain = home.chain("dev", ["prod-us", "prod-eu"])
        assert written(chain) == [("Stage 1", ["dev"]), ("Stage 2", ["prod-us", "prod-eu"])]

    def test_environments_are_named_by_id_too_and_whatever_the_case(self, home: House) -> None:
        made(home, "dev", "prod")
        ident = str(Environment.objects.get(name="prod").id)
        assert written(home.chain("DEV", ident)) == [("Stage 1", ["dev"]), ("Stage 2", ["prod"])]

    def test_what_does_not_exist_is_named(self, home: House) -> None:
        with pytest.raises(Invalid, match="there is no environment nowhere") as refusal:
            home.chain("nowhere")
        assert refusal.value.errors[0]["field"] == "stages[0].environments"

    def test_what_does_not_exist_is_created_when_asked_for(self, home: House) -> None:
        chain = chains.create(
            by=home.owner, name="Main", stages=[{"name": "QA", "environments": ["qa"]}], create_missing=True
        )
        assert written(chain) == [("QA", ["qa"])]
        assert Environment.objects.get(name="qa").state == "pending"

    def test_a_production_that_is_created_so_is_protected_from_the_start(self, home: House) -> None:
        stages = [{"name": name, "environments": [name]} for name in ("qa", "production", "prod-eu")]
        chains.create(by=home.owner, name="Main", stages=stages, create_missing=True)
        assert set(Environment.objects.filter(protected=True).values_list("name", flat=True)) == {
            "production",
            "prod-eu",
        }

    def test_a_missing_one_with_an_impossible_name_is_told_in_its_place(self, home: House) -> None:
        with pytest.raises(Invalid) as refusal:
            chains.create(
                by=home.owner, name="Main", stages=[{"name": "A", "environments": ["?"]}], create_missing=True
            )
        assert refusal.value.errors[0]["field"] == "stages[0].environments"

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ([], "stages"),
            ([{"name": "", "environments": ["dev"]}], "stages[0].name"),
            ([{"name": "A", "environments": []}], "stages[0].environments"),
            ([{"name": "A", "environments": ["dev", "dev"]}], "stages[0].environments"),
            (
                [{"name": "A", "environments": ["dev"]}, {"name": "B", "environments": ["dev"]}],
                "stages[1].environments",
            ),
            ([{"name": "A", "environments": ["dev"]}, {"name": "a", "environments": ["prod"]}], "stages[1].name"),
        ],
    )
    def test_what_makes_no_sense_is_refused_where_it_stands(self, home: House, wrong: list, field: str) -> None:
        made(home, "dev", "prod")
        with pytest.raises(Invalid) as refusal:
            chains.create(by=home.owner, name="Main", stages=wrong)
        assert refusal.value.errors[0]["field"] == field
        assert not Chain.objects.exists()

    def test_an_ephemeral_environment_stands_in_no_stage(self, home: House) -> None:
        lifecycle.create(by=home.owner, name="preview", project_id=str(home.project().id), provisioner="external")
        with pytest.raises(Invalid, match="preview is ephemeral"):
            home.chain("preview")

    def test_there_is_one_default_and_one_for_each_project(self, home: House) -> None:
        made(home, "dev")
        project = home.project()
        home.chain("dev")
        home.chain("dev", project=project)
        with pytest.raises(Conflict, match="WEB has a promotion chain already"):
            home.chain("dev", project=project)
        with pytest.raises(Conflict, match="The organization has"):
            home.chain("dev")


class TestChanging:
    def test_stages_are_replaced_whole(self, home: House) -> None:
        made(home, "dev", "qa", "prod")
        chain = home.chain("dev", "prod")
        chains.update(
            chain,
            by=home.owner,
            stages=[{"name": name.upper(), "environments": [name]} for name in ("dev", "qa", "prod")],
        )
        assert written(chain) == [("DEV", ["dev"]), ("QA", ["qa"]), ("PROD", ["prod"])]
        assert Stage.objects.count() == 3

    def test_a_name_alone_leaves_the_stages(self, home: House) -> None:
        made(home, "dev")
        chain = home.chain("dev")
        assert chains.update(chain, by=home.owner, name="Main").name == "Main"
        assert written(chain) == [("Stage 1", ["dev"])]

    def test_a_refused_change_changes_nothing(self, home: House) -> None:
        made(home, "dev")
        chain = home.chain("dev")
        with pytest.raises(Invalid):
            chains.update(chain, by=home.owner, stages=[{"name": "A", "environments": ["nowhere"]}])
        assert written(chain) == [("Stage 1", ["dev"])]

    def test_nothing_changed_writes_nothing(self, home: House) -> None:
        made(home, "dev", "qa")
        chain = home.chain(["dev", "qa"])
        before = chain.updated_at
        same = [{"name": "Stage 1", "environments": ["DEV", "qa"]}]
        for fields in ({}, {"name": "Chain"}, {"stages": same}, {"name": "Chain", "stages": same}):
            chains.update(chain, by=home.owner, **fields)
        chain.refresh_from_db()
        assert chain.updated_at == before
        assert not Event.objects.filter(kind="chain.updated").exists()

        chains.update(chain, by=home.owner, stages=[{"name": "Stage 1", "environments": ["qa", "dev"]}])
        assert written(chain) == [("Stage 1", ["qa", "dev"])]

    def test_deleting_leaves_the_environments(self, home: House) -> None:
        made(home, "dev")
        chains.delete(home.chain("dev"), by=home.owner)
        assert Environment.objects.filter(name="dev", deleted_at=None).exists()
        assert not Chain.objects.exists()

    def test_a_member_of_a_chain_is_not_deleted(self, home: House) -> None:
        made(home, "dev")
        home.chain("dev")
        with pytest.raises(Conflict, match="take it out of the chain first"):
            lifecycle.delete(Environment.objects.get(name="dev"), by=home.owner)

    def test_every_change_is_told(self, home: House) -> None:
        made(home, "dev")
        chain = home.chain("dev")
        chains.update(chain, by=home.owner, name="Main")
        chains.delete(chain, by=home.owner)
        told = Event.objects.filter(kind__startswith="chain.").order_by("number")
        assert [each.kind for each in told] == ["chain.created", "chain.updated", "chain.deleted"]
        assert told[0].data["stages"] == ["Stage 1"]

    def test_only_admins_and_owners_change_it(self, home: House) -> None:
        made(home, "dev")
        chain = home.chain("dev")
        with pytest.raises(NotAllowed):
            chains.delete(chain, by=home.person(Role.OPERATOR))
        chains.delete(chain, by=home.person(Role.ADMIN))


class TestWhichApplies:
    def test_the_projects_own_before_the_default(self, home: House) -> None:
        made(home, "dev", "prod")
        web, ops = home.project("WEB"), home.project("OPS")
        home.chain("dev", "prod")
        own = home.chain("prod", project=web)
        assert [stage.chain for stage in stages.applying(web, home.organization)] == [own]
        assert len(stages.applying(ops, home.organization)) == 2
        assert len(stages.applying(None, home.organization)) == 2

    def test_where_there_is_none_there_are_no_stages(self, home: House) -> None:
        assert stages.applying(None, home.organization) == []

    def test_it_costs_the_same_whatever_its_size(self, home: House) -> None:
        names = [f"e{n}" for n in range(8)]
        made(home, *names)
        chain = home.chain(names[0])
        costs = []
        for _ in range(2):
            with CaptureQueriesContext(
                connection,
            ) as caught:
                for stage in stages.applying(None, home.organization):
                    stages.environments_of(stage)
            costs.append(len(caught))
            chains.update(
                chain,
                by=home.owner,
                stages=[{"name": str(n), "environments": names[2 * n : 2 * n + 2]} for n in range(4)],
            )
        assert costs == [3, 3]

    def test_a_stranger_finds_none(self, home: House) -> None:
        made(home, "dev")
        chain = home.chain("dev")
        with pytest.raises(NotFound):
            chains.find(house().owner, chain.id)

    def test_who_sees_one_project_sees_the_default_and_that_projects_own(self, home: House) -> None:
        made(home, "dev")
        web, ops = home.project("WEB"), home.project("OPS")
        default, own = home.chain("dev"), home.chain("dev", project=web)
        other = home.chain("dev", project=ops)
        person = home.person(Role.VIEWER, project=web)
        assert list(chains.visible(person)) == [default, own]
        with pytest.raises(NotFound):
            chains.find(person, other.id)
