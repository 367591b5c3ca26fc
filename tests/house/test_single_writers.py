"""Some things are written in one place only: an environment's state, a run's phase, events, Celery's name."""

import ast

from tests.house.sources import calls, trees


def test_only_states_writes_an_environments_state() -> None:
    assert _writers("state", of="Environment") <= {"environments/states.py"}


def test_only_the_runs_rooms_write_a_runs_phase() -> None:
    writers = _writers("phase", of="Run")
    assert {path for path in writers if not path.startswith("environments/runs/")} == set()
    assert writers, "the check must see the writers there are"


def test_only_the_events_room_makes_events() -> None:
    makers = {
        path
        for path, tree in trees().items()
        if not path.startswith("towpath/")  # knows no record; its Event is threading's
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _makes(node, "Event")
    }
    assert makers == {"projects/events.py"}


def test_only_the_sealing_room_sees_the_master_key() -> None:
    seen = {
        path
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "MASTER_KEY"
    }
    assert seen == {"environments/sealing.py"}


def test_nobody_imports_inside_a_function() -> None:
    """The one exception is the command line, which loads its commands when they are called."""
    inside = {
        f"{path}:{node.lineno}"
        for path, tree in trees().items()
        if path != "towpath/cli.py"
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert inside == set()


def test_no_module_is_called_after_nothing_in_particular() -> None:
    vague = {"utils", "helpers", "common", "services", "managers", "signals"}
    assert {path for path in trees() if path.rsplit("/", 1)[-1].removesuffix(".py") in vague} == set()


def test_every_module_says_what_it_is_for() -> None:
    silent = {path for path, tree in trees().items() if tree.body and not ast.get_docstring(tree)}
    assert silent == set()


def _writers(field: str, *, of: str) -> set[str]:
    """Modules that assign `<name like the model>.field` or update it through the model's rows."""
    found = set()
    for path, tree in trees().items():
        for node in ast.walk(tree):
            targets = (
                node.targets
                if isinstance(node, ast.Assign)
                else [node.target]
                if isinstance(node, ast.AugAssign)
                else []
            )
            for target in targets:
                if isinstance(target, ast.Attribute) and target.attr == field and _named(target.value) in _names(of):
                    found.add(path)
        for call in [*calls(tree, "update"), *calls(tree, "bulk_update")]:
            if any(word.arg == field for word in call.keywords) and _begins_at(call) == of:
                found.add(path)
    return found


def _makes(call: ast.Call, model: str) -> bool:
    """`Event(...)`, or a row made through `Event.objects`."""
    made = isinstance(call.func, ast.Name) or (isinstance(call.func, ast.Attribute) and "create" in call.func.attr)
    return made and _begins_at(call) == model


def _names(model: str) -> set[str]:
    return {model.lower(), model.lower()[:3], "found", "one", "row", "self"} - {"self"}


def _named(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _begins_at(call: ast.Call) -> str:
    """`Run` for `Run.objects.filter(...).update(...)`."""
    node: ast.expr = call
    while True:
        if isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.Attribute):
            node = node.value
        else:
            return node.id if isinstance(node, ast.Name) else ""
