"""No secret leaves the machine, however a program writes it and wherever its output is cut."""

import base64
import json
import os
import stat
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.towpath.conftest import deployment, eventually, web
from towpath.worker import lines, masks
from towpath.worker.lines import Follower
from towpath.worker.masks import INSTEAD, Masks

LETTERS = st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=["Cs", "Cc"])
# Some with letters of their own, so that a secret seldom is a part of what stands around it.
SECRETS = st.lists(st.text(LETTERS, min_size=6, max_size=60), min_size=1, max_size=5)
AROUND = st.text("abc 123=:&", max_size=6)
WAYS = {
    "as it is": lambda secret: secret,
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64, one in": lambda secret: base64.b64encode(b"x" + secret.encode() + b"y").decode(),
    "base64, two in": lambda secret: base64.b64encode(b"xx" + secret.encode() + b"yy").decode(),
    "urlsafe base64": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    "urlsafe base64, one in": lambda secret: base64.urlsafe_b64encode(b"u" + secret.encode()).decode(),
    "urlsafe base64, two in": lambda secret: base64.urlsafe_b64encode(b"us" + secret.encode()).decode(),
    "in a URL": lambda secret: quote(secret),
    "in a URL's query": lambda secret: quote_plus(secret),
    "in JSON": lambda secret: json.dumps(secret)[1:-1],
    "in JSON as UTF-8": lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
}


def seen(shown: str, secret: str) -> list[str]:
    """The ways in which the secret still stands there; of base64, the letters that it alone decides."""
    found = [name for name, way in WAYS.items() if "base64" not in name and way(secret) in shown]
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + secret.encode())
        inner = whole[-(-before * 8 // 6) : (before + len(secret.encode())) * 8 // 6].decode()
        for each in (inner, inner.replace("+", "-").replace("/", "_")):
            found += [f"base64 at {before}"] if each in shown else []
    return found


@given(SECRETS, st.data())
def test_no_secret_and_none_of_its_forms_is_left_in_a_line(secrets, data):
    text = "".join(
        data.draw(AROUND) + WAYS[data.draw(st.sampled_from(sorted(WAYS)))](secret) + data.draw(AROUND)
        for secret in data.draw(st.permutations(secrets))
    )

    shown = Masks(secrets).hide_text(text)

    assert INSTEAD in shown
    assert [way for secret in secrets for way in seen(shown.replace(INSTEAD, "\n"), secret)] == []


@settings(max_examples=150, deadline=None)
@given(SECRETS, st.data())
@example(["aaaaaa"], None)
def test_wherever_the_output_is_cut_no_secret_leaves(tmp_path_factory, secrets, data):
    path = tmp_path_factory.mktemp("output") / "out"
    longest, lines.LONGEST = lines.LONGEST, 40
    try:
        if data is None:
            written, cuts = ("a" * 1000).encode(), [1, 170, 171, 333, 334, 999]
        else:
            pieces = [data.draw(AROUND) + WAYS[data.draw(st.sampled_from(sorted(WAYS)))](s) for s in secrets * 6]
            line_end = data.draw(st.sampled_from(["", "\n"]))
            written = line_end.join(pieces).encode()
            cuts = sorted(data.draw(st.lists(st.integers(0, len(written)), max_size=12)))
        follow, shown = Follower(path, os.getuid(), masks=Masks(secrets)), []
        for begin, end in zip([0, *cuts], [*cuts, len(written)], strict=True):
            with path.open("ab") as file:
                file.write(written[begin:end])
            shown += follow.read()
        shown += follow.read(at_end=True)
    finally:
        lines.LONGEST = longest

    for secret in secrets:
        assert seen("\n".join(shown).replace(INSTEAD, "\n"), secret) == []
        # Nor is a beginning of it left where a line was cut: what is longer than the rest of the text can hold.
        assert secret[:-1] not in "".join(shown).replace(INSTEAD, "\n") or len(set(secret)) < 4 or len(secret) < 8


def test_a_secret_of_several_lines_is_hidden_line_by_line():
    key = "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA7\n  indented: yes\nab\n-----END KEY-----\n"
    hide = Masks([key]).hide_text

    assert [hide(line) for line in key.splitlines()] == [INSTEAD, INSTEAD, f"  {INSTEAD}", "ab", INSTEAD]
    assert hide(json.dumps({"key": key})) == f'{{"key": "{INSTEAD}"}}'


def test_what_base64_wraps_into_lines_is_hidden_too():
    secret = "".join(chr(33 + n % 90) for n in range(200))
    whole = base64.b64encode(secret.encode()).decode()
    hide = Masks([secret]).hide_text

    for width in (64, 76):
        for at in range(0, len(whole), width):
            assert hide(whole[at : at + width]).rstrip("=") == INSTEAD


def test_values_shorter_than_four_letters_hide_nothing():
    assert Masks(["abc", "", "1"]).hide_text("abc 1 abcd") == "abc 1 abcd"
    assert not Masks(["abc"])
    assert Masks(["abcd"]).hide_text("abc 1 abcd") == f"abc 1 {INSTEAD}"


def test_secrets_that_overlap_are_hidden_together():
    assert Masks(["abcdef", "defghi"]).hide_text("<abcdefghi>") == f"<{INSTEAD}>"
    assert Masks(["abcd", "abcdefgh"]).hide_text("abcdefgh abcdefg") == f"{INSTEAD} {INSTEAD}efg"


def test_a_specification_of_an_older_control_plane_hides_nothing():
    assert masks.read(None) is masks.NOTHING
    assert masks.read(None).hide(b"anything") == b"anything"
    assert "hunter2hunter2" not in repr(masks.read(["hunter2hunter2"]))


def test_where_the_beginning_of_a_line_is_lost_its_rest_is_not_shown(tmp_path):
    path = tmp_path / "out"
    follow = Follower(path, os.getuid(), masks=Masks(["hunter2hunter2"]))
    path.write_bytes(b"one\nhunter2")
    assert follow.read() == ["one"]

    path.rename(tmp_path / "kept aside")
    (tmp_path / "out.1").write_bytes(b"hunter2 of a file that was never seen\n")
    path.write_bytes(b"hunter2\nfour\n")

    assert follow.read() == ["[lines are missing here: they were written faster than they could be read]", "four"]
    assert Follower(path, os.getuid(), masks=Masks(["hunter2hunter2"])).read() == ["four"]


SECRET = 'pa55/w+rd "of" production'
SAYING = """
printf '%s\\n' "it is $SECRET" >&2
printf '%s' "$SECRET" | base64
printf 'x%s' "$SECRET" | base64
"""


def test_neither_steps_nor_services_say_a_secret(site, control_plane):
    steps = [{"n": 1, "name": "say", "run": f"{SAYING}\necho 'written here: {SECRET}'", "timeout": 60}]
    service = web(run=f"{SAYING}\nexec sleep 100", health=None, port=False)
    run = control_plane.submit(
        deployment("a", "1.0", steps=steps, services=[service], env={"SECRET": SECRET}, masks=[SECRET])
    )

    control_plane.wait(run, "succeeded")
    eventually(lambda: len([line for found in control_plane.service_lines.values() for line in found.values()]) >= 3)

    told = json.dumps([control_plane.heard, list(control_plane.service_lines.values())], default=str)
    assert f"it is {INSTEAD}" in json.loads(json.dumps(str(control_plane.service_lines)))
    assert told.count(json.dumps(INSTEAD)[1:-1]) >= 7
    for way in WAYS.values():
        inner = way(SECRET)[3:-4]
        assert inner not in told
        assert json.dumps(inner)[1:-1] not in told


def test_a_failing_step_and_its_reason_say_no_secret(site, control_plane):
    steps = [{"n": 1, "name": "fail", "run": 'echo "no: $SECRET"; exit 3', "timeout": 60}]
    run = control_plane.submit(deployment("a", "1.0", steps=steps, env={"SECRET": SECRET}, masks=[SECRET]))

    ended = control_plane.wait(run, "failed")

    assert ended["conclusion"]["last_lines"] == [f"no: {INSTEAD}"]


def test_after_a_restart_of_the_worker_services_are_masked_before_it_has_heard_what_is_desired(site, control_plane):
    service = web(run='sleep 2; while :; do echo "it is $SECRET"; sleep 0.2; done', health=None, port=False)
    run = control_plane.submit(
        deployment("a", "1.0", steps=[], services=[service], env={"SECRET": SECRET}, masks=[SECRET])
    )
    control_plane.wait(run, "succeeded")
    kept = next(site.layout.routes.glob("a/instances/*/masks.json"))
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    site.kill_worker()
    eventually(lambda: any((site.layout.projects / "SHOP/logs").glob("a.*.web.out")))

    site.start_worker()

    eventually(lambda: [line for found in control_plane.service_lines.values() for line in found.values()])
    assert {line for found in control_plane.service_lines.values() for line in found.values()} == {f"it is {INSTEAD}"}


@pytest.mark.parametrize("name", ["start"])
def test_what_a_program_is_started_with_is_read_by_its_user_alone(site, control_plane, name):
    run = control_plane.submit(
        deployment("a", "1.0", steps=[], services=[web(run="exec sleep 100", health=None, port=False)])
    )
    control_plane.wait(run, "succeeded")

    written = list((site.layout.projects / "SHOP/specs").glob(f"*/{name}"))

    assert written
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o600}
