"""Two releases of an app side by side: what they are, where they are live, what lies between, what each would do."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import F
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from environments import drawing
from environments.overview import manifest_text, slots
from environments.overview.apps import live_by_release, seen_slots
from environments.overview.lists import listing
from environments.planning import comparison, stages
from environments.planning.comparison import Line
from projects import releases
from projects.access import Actor, who
from projects.errors import Conflict, Invalid
from projects.models import App, Release

# Of what is alike, this many lines around each difference.
AROUND = 3
# What one page shows of two manifests; the releases' own pages show them whole.
MOST_LINES, MOST_TEXT = 2_000, 200_000
# What the two fields offer; an older release is named in the address.
MOST_OFFERED = 200
# In the text that `manifest_text` writes nothing else begins so far to the left.
PART = re.compile(r"(?:(steps|services):|  - name: (.*))")


@dataclass(frozen=True)
class Gap:
    """Lines that are not shown, and the step or service in which those after them stand."""

    hidden: int
    inside: str = ""
    cut: bool = False


def pair(app: App, *, by: Actor, before: str = "", after: str = "") -> tuple[Release, Release]:
    """The two releases that are named by version, number or id: without `after` the newest, without `before` the one
    cut before that. NotFound where the app has none of that name, Invalid where both are the same."""
    newest = releases.visible(by).filter(app=app).order_by("-serial")
    first = releases.called(app, before, by=by) if before else None
    second = releases.called(app, after, by=by) if after else newest.first()
    if second is None:
        raise Conflict(f"{app.name} has no release yet; cut two to compare them.")
    first = first or newest.filter(serial__lt=second.serial).first()
    if first is None:
        raise Invalid.field("from", f"Release {second.version} is the first of {app.name}; choose another.")
    if first == second:
        raise Invalid.field("to", f"Release {first.version} is on both sides; choose two different releases.")
    return first, second


def manifest_lines(before: Release, after: Release) -> list[Line]:
    """How what the releases would do differs, as somebody would write it."""
    return comparison.lines(manifest_text.write(before.manifest), manifest_text.write(after.manifest))


def page(app: App, actor: Actor, before: Release, after: Release, *, whole: bool, query: str) -> dict[str, Any]:
    """All that the page shows of the two; `whole` shows also the lines that are alike,
    `query` is what its links carry on."""
    told = manifest_lines(before, after)
    between = comparison.releases_between(app, before, after)
    return {
        "before": before,
        "after": after,
        "facts": _facts(app, actor, before, after, query),
        "between": between,
        "more_between": abs(after.serial - before.serial) - len(between),
        "back": after.serial < before.serial,
        "added": sum(line.before is None for line in told),
        "removed": sum(line.after is None for line in told),
        "lines": _shown(told, whole=whole),
        "whole": whole,
        "hides": not whole and len(_around(told)) < len(told),
    }


def offered(app: App, *chosen: Release | None) -> list[Release]:
    """What may be chosen: the newest, and what is chosen already; a page without two of them has no form."""
    newest = Release.objects.filter(app=app).only("version", "serial").order_by("-serial")[:MOST_OFFERED]
    found = {release.serial: release for release in (*newest, *(one for one in chosen if one is not None))}
    return [found[serial] for serial in sorted(found, reverse=True)]


def address(app: App, **query: str) -> str:
    """Of the page; `query` names the releases, without what is empty."""
    given = {name: value for name, value in query.items() if value}
    return reverse("release-comparison", args=[app.pk]) + (f"?{urlencode(given)}" if given else "")


def beside(release: Release) -> str:
    """The address that compares a release with the one before it, the first with the next; empty for the only one."""
    others = Release.objects.filter(app=release.app_id).only("version", "serial")
    before = others.filter(serial__lt=release.serial).order_by("-serial").first()
    if before is not None:
        return address(release.app, **{"from": before.version, "to": release.version})
    after = others.filter(serial__gt=release.serial).order_by("serial").first()
    return address(release.app, **{"from": release.version, "to": after.version}) if after else ""


def _facts(app: App, actor: Actor, before: Release, after: Release, query: str) -> list[dict[str, Any]]:
    """`[{word, sides: [(version, drawn), ...], differs}]`."""
    chain = stages.applying_chain(app.project, actor.organization)
    placed = slots.kept(seen_slots(actor).filter(app=app, live__release__in=[before, after]))
    live = live_by_release(list(placed.order_by(stages.place(chain, of="environment"), F("environment__name"))))
    told = (
        ("Live in", lambda one: _places(live.get(one.id, []), query)),
        ("Commit", lambda one: _code(one.commit)),
        ("Source", _source),
        ("SHA-256", lambda one: _code(one.artifact.sha256 if one.artifact else "", most=12)),
        ("Cut", _cut),
        (
            "Link",
            lambda one: one.link and format_html('<a class="link long" href="{0}" rel="noreferrer">{0}</a>', one.link),
        ),
    )
    judged = {"Commit", "Source", "SHA-256"}
    rows = [(word, draw(before) or "", draw(after) or "") for word, draw in told]
    return [
        {
            "word": word,
            "sides": [(before.version, left), (after.version, right)],
            "differs": word in judged and left != right,
        }
        for word, left, right in rows
        if left or right
    ]


def _places(live: list[dict[str, Any]], query: str) -> SafeString:
    return listing.joined(
        format_html(
            '<a class="tag" href="{}">{}{}</a>',
            reverse("environment", args=[one["environment"].pk]) + query,
            one["environment"].title,
            f": {one['word']}" if one["word"] else "",
        )
        for one in live
    )


def _code(text: str, *, most: int = 64) -> SafeString:
    return format_html('<code title="{}">{}</code>', text, text[:most]) if text else SafeString("")


def _source(release: Release) -> SafeString:
    artifact = release.artifact
    if artifact is None:
        return format_html('<span class="muted">{}</span>', "Steps only")
    fetched = f" at {artifact.git_ref}" if artifact.git_ref else ""
    status = "" if artifact.status == "stored" else drawing.status(artifact.status)
    return format_html('<span class="long">{}{}</span> {}', artifact, fetched, status)


def _cut(release: Release) -> SafeString:
    return format_html(
        '{} <span class="muted">by {}, number {}</span>',
        drawing.ago(release.created_at),
        who(release.created_by),
        release.serial,
    )


def _around(told: list[Line]) -> set[int]:
    """The places of the lines that differ and of those around them; no gap hides one line: it takes one itself."""
    at = [n for n, line in enumerate(told) if line.change != "same"]
    if not at:
        return set()
    near = {place for n in at for place in range(n - AROUND, n + AROUND + 1) if 0 <= place < len(told)}
    return near | {n for n in range(len(told)) if {max(n - 1, 0), min(n + 1, len(told) - 1)} <= near | {n}}


def _shown(told: list[Line], *, whole: bool) -> list[Line | Gap]:
    """The lines of one page, with a gap where some are left out."""
    wanted = _around(told)
    shown: list[Line | Gap] = []
    hidden, room, count, section, inside = 0, MOST_TEXT, 0, "", ""
    for n, line in enumerate(told):
        if match := PART.fullmatch(line.text) or PART.match(line.text):
            section, inside = (match[1], "") if match[1] else (section, match[2])
        if not whole and n not in wanted:
            hidden += 1
            continue
        if hidden:
            shown.append(Gap(hidden, f"{section}: {inside}" if inside else section))
            hidden = 0
        room, count = room - len(line.text), count + 1
        if room < 0 or count > MOST_LINES:
            return [*shown, Gap(len(told) - n, cut=True)]
        shown.append(line)
    return [*shown, Gap(hidden)] if hidden else shown
