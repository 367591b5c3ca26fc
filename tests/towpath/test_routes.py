"""The link that says which instance has the traffic moves in one step, and never back."""

import threading

import pytest

from towpath.worker.layout import Layout
from towpath.worker.masks import Masks
from towpath.worker.preparing import prepare
from towpath.worker.routes import Instance, Overtaken, Routes


@pytest.fixture
def routes(tmp_path):
    prepare(tmp_path / "environment")
    return Routes(Layout(tmp_path / "environment"))


def instance(number: int, attempt: int = 1, port: int = 20001) -> Instance:
    return Instance(
        app="app",
        app_name="Shop",
        project="SHOP",
        deployment=f"d{number}",
        number=number,
        attempt=attempt,
        release=f"d{number}-{attempt}",
        services={"web": {"port": port, "stop_timeout": 1, "health": None}},
    )


def put(routes: Routes, made: Instance) -> Instance:
    routes.record(made)
    routes.point(made, "web", made.services["web"]["port"])
    routes.switch(made)
    return made


def test_the_newest_switch_is_current(routes):
    put(routes, instance(1))
    second = put(routes, instance(2))

    assert routes.current("app") == second
    assert (routes.root / "app" / "current" / "web.address").read_text() == "20001"


@pytest.mark.parametrize(("first", "late"), [((2, 1), (1, 1)), ((2, 2), (2, 1)), ((10, 1), (9, 1))])
def test_an_older_one_cannot_switch_back(routes, first, late):
    put(routes, instance(*first))

    with pytest.raises(Overtaken):
        put(routes, instance(*late))

    assert routes.current("app").order == first


def test_a_removed_app_cannot_be_switched_on_by_an_older_deployment(routes):
    put(routes, instance(1))
    routes.close("app", order=(2, 1))

    with pytest.raises(Overtaken):
        put(routes, instance(1, 2))
    assert routes.current("app") is None


def test_readers_see_an_address_at_every_moment_of_a_switch(routes):
    put(routes, instance(1, port=20001))
    stop, seen = threading.Event(), set()

    def read() -> None:
        while not stop.is_set():
            seen.add((routes.root / "app" / "current" / "web.address").read_text())

    thread = threading.Thread(target=read)
    thread.start()
    for number in range(2, 40):
        put(routes, instance(number, port=20000 + number))
    stop.set()
    thread.join()

    assert seen <= {str(20000 + number) for number in range(1, 40)}


def test_an_attempt_number_for_an_instance_of_our_own_is_above_all_others(routes):
    put(routes, instance(3, 2))

    assert routes.next_attempt("app", 3) == 3
    assert routes.next_attempt("app", 4) == 1


def test_an_app_that_is_closed_stays_closed_to_all_that_was_there(routes):
    put(routes, instance(1))
    routes.record(instance(2))

    routes.close("app")

    assert routes.current("app") is None
    with pytest.raises(Overtaken):
        put(routes, instance(1, 3))


def test_the_traffic_goes_back_from_what_was_given_up_and_only_a_later_attempt_takes_it_again(routes):
    put(routes, instance(1))
    put(routes, instance(2))
    back = instance(1, 2)
    routes.record(back)

    routes.switch(back, above=2)

    assert routes.current("app") == back
    with pytest.raises(Overtaken):
        put(routes, instance(2))
    with pytest.raises(Overtaken):
        put(routes, instance(1, 3))
    put(routes, instance(2, 2))
    assert routes.current("app").order == (2, 2)


def test_the_traffic_does_not_go_back_from_what_is_newer_than_what_was_given_up(routes):
    put(routes, instance(1))
    put(routes, instance(3))

    with pytest.raises(Overtaken):
        routes.switch(instance(1, 2), above=2)


def test_an_app_comes_back_whose_removal_was_given_up(routes):
    put(routes, instance(1))
    routes.close("app", order=(2, 1))
    back = instance(1, 2)
    routes.record(back)

    routes.switch(back, above=2)

    assert routes.current("app") == back


def test_what_an_instance_was_given_before_stays_hidden_when_it_is_given_something_else(routes):
    shop = put(routes, instance(1))
    routes.keep_masks(shop, Masks(["first-secret"]))
    routes.keep_masks(shop, Masks(["second-secret"]))
    routes.keep_masks(shop, Masks([]))

    assert set(routes.masks(shop).values) == {"first-secret", "second-secret"}
