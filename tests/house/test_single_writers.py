"""Some things are written in one place only (an environment's state, a run's phase, events), or seen in one only."""

import ast
import re

import pytest

from tests.house.sources import trees

# They tell a state or a phase to somebody, or speak of a service's own; none of them writes rows of the two.
TELLERS = (
    "environments/api/",
    "environments/overview/",
    "environments/views/",
    "environments/doing/judging.py",
    "environments/doing/observing.py",
)


def test_only_states_writes_an_environments_state() -> None:
    assert _writers("state", "Environment") == {"environments/states.py"}


def test_only_the_runs_rooms_write_a_runs_phase() -> None:
    rooms = ("claim", "expire", "finish", "queue", "steps")
    assert _writers("phase", "Run") == {f"environments/runs/{room}.py" for room in rooms}


@pytest.mark.parametrize(
    "written",
    [
        "anything.phase = 'failed'",
        "a, anything.phase = 1, 'failed'",
        "setattr(anything, 'phase', 'failed')",
        "Run(pk=1, phase='failed').save()",
        "Run.objects.filter(pk=1).update(reason='', phase='failed')",
        "rows.update(**{'phase': 'failed'})",
        "rows.update(**dict(phase='failed'))",
        "fields['phase'] = 'failed'",
        "Run.objects.update_or_create(pk=1, defaults={'phase': 'failed'})",
        "cursor.execute('UPDATE environments_run SET phase = %s', [1])",
        "cursor.execute(f'UPDATE {table} SET reason = 1, phase = %s', [1])",
        "SQL = 'INSERT INTO environments_run (id, phase) VALUES (1, 2)'",
    ],
)
def test_a_hand_that_writes_a_phase_is_seen(written: str) -> None:
    assert _writes(ast.parse(written), "phase", "Run")


def test_who_only_reads_a_phase_is_no_writer() -> None:
    read = """
'''Ends by a conditional UPDATE of the phase.'''
Run.objects.filter(phase='failed').exclude(phase=run.phase).update(reason='')
cursor.execute('SELECT phase FROM environments_run')
"""
    assert not _writes(ast.parse(read), "phase", "Run")


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
        if isinstance(node, ast.Attribute) and node.attr == "MASTER_KEYS"
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


def _writers(field: str, model: str) -> set[str]:
    """Modules that may write the column, by whatever name they call the row."""
    return {
        path
        for path, tree in trees().items()
        if not path.startswith("towpath/")  # knows no record
        and _writes(tree, field, model, keys=not path.startswith(TELLERS))
    }


def _writes(tree: ast.Module, field: str, model: str, *, keys: bool = True) -> bool:
    """Whether it is set on a row, named in a writing call or in SQL, or (`keys`) is a key of what could be one's."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name, ctx=ast.Store()) if name == field:
                return True
            case ast.Subscript(slice=ast.Constant(value=name), ctx=ast.Store()) if keys and name == field:
                return True
            case ast.Dict(keys=named) if keys and any(isinstance(k, ast.Constant) and k.value == field for k in named):
                return True
            case ast.Call(func=ast.Name(id="setattr"), args=[_, ast.Constant(value=name), _]) if name == field:
                return True
            case ast.Call(keywords=words) if _called(node) in {*WRITING, model} and field in {w.arg for w in words}:
                return True
            case ast.Constant(value=str()) | ast.JoinedStr() if id(node) not in docstrings:
                if _is_sql_that_writes(_text(node), field):
                    return True
    return False


WRITING = {"update", "aupdate", "create", "acreate", "get_or_create", "update_or_create", "dict"}


def _called(call: ast.Call) -> str:
    return _named(call.func)


def _text(node: ast.Constant | ast.JoinedStr) -> str:
    """A text, with a word in place of everything that an f-string fills in."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "filled" for part in node.values)


def _is_sql_that_writes(text: str, field: str) -> bool:
    return bool(re.search(rf"\b(UPDATE|INSERT INTO)\s+[\w\"].*\b{field}\b", text, re.S))


def _makes(call: ast.Call, model: str) -> bool:
    """`Event(...)`, or a row made through `Event.objects`."""
    made = isinstance(call.func, ast.Name) or (isinstance(call.func, ast.Attribute) and "create" in call.func.attr)
    return made and _begins_at(call) == model


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
