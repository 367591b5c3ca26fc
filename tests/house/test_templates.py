"""What templates may not do: style or run anything inline, mark as safe, or pay for a tag in a cell."""

import re

from tests.house.sources import ROOT, templates

INLINE = re.compile(
    r"\sstyle=|<style|<script(?![^>]*\bsrc=)[^>]*>|\son[a-z]+=|\shx-on|\|\s*safe\b|autoescape off|javascript:"
)


def test_no_template_styles_or_runs_anything_inline() -> None:
    found = {f"{path}: {match.group()}" for path, text in templates().items() for match in INLINE.finditer(text)}
    assert found == set()


def test_no_template_builds_addresses_or_dates_in_a_board_cell() -> None:
    text = (ROOT / "templates/board/_row.html").read_text()
    assert "{% url" not in text and "|date" not in text and "{% ago" not in text


def test_every_moment_is_drawn_with_its_exact_time_and_zone() -> None:
    """By `drawing`, or with a title; a log's line, of which pages hold thousands, tells the time of day."""
    bare = [
        f"{path}: {tag}"
        for path, text in templates().items()
        for tag in re.findall(r"<time\b.*?>(?!=)", text)
        if path != "templates/run/_line.html" and "title=" not in tag
    ]
    assert bare == []


def test_every_live_fragment_has_an_id_and_an_address() -> None:
    element = re.compile(r"<[a-z]+[^>]*\sdata-live=[^>]*>", re.S)
    for path, text in templates().items():
        for match in element.finditer(text):
            assert " id=" in match.group() and "data-src=" in match.group(), f"{path}: {match.group()[:80]}"


def test_every_form_that_changes_something_carries_its_csrf_token() -> None:
    form = re.compile(r"<form\b[^>]*method=\"post\".*?</form>", re.S)
    bare = [
        path for path, text in templates().items() for match in form.finditer(text) if "csrf_token" not in match.group()
    ]
    assert bare == []


def test_every_address_of_a_page_keeps_the_choice_of_environment() -> None:
    """Fields of a form that is sent by GET become its address, so there the choice is a field."""
    known = set(re.findall(r'name="([a-z-]+)"', (ROOT / "environments/urls.py").read_text()))
    element = re.compile(r"<[a-z]+\b(?:\{%.*?%\}|\{\{.*?\}\}|[^<>{])*>", re.S)
    address = re.compile(r'\s(?:href|action|formaction|data-src|hx-get|hx-post)="((?:\{[%{].*?[%}]\}|[^"{])*)"', re.S)
    forms = re.compile(r'<form\b[^>]*method="get".*?</form>', re.S)
    bare = []
    for path, text in templates().items():
        if path.startswith("templates/admin/"):
            continue  # the records are of all environments
        bare += [f"{path}: {form[:80]}" for form in forms.findall(text) if "_choice.html" not in form]
        for tag in element.findall(text):
            # What a form or a field of one asks for has the form's fields.
            for at in [] if 'method="get"' in tag or "hx-include" in tag else address.findall(tag):
                page = at.startswith("?") or known.intersection(re.findall(r"\{% url '([a-z-]+)'", at))
                if page and "shell." not in at and "environment=" not in at:
                    bare.append(f"{path}: {at}")
    assert bare == []


def test_every_redirect_keeps_the_choice_of_environment() -> None:
    bare = [
        f"{path.name}: {line.strip()}"
        for path in (ROOT / "environments/views").glob("*.py")
        for line in path.read_text().splitlines()
        if re.search(r"\bredirect\(|HttpResponseRedirect\(reverse\(", line)
    ]
    assert bare == []
