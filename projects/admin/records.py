"""How every record is shown: to be read, searched and filtered; what happens to it happens in its room."""

import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

if TYPE_CHECKING:  # only the stubs know what the row of an admin is
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
else:
    ModelAdmin, TabularInline = admin.ModelAdmin, admin.TabularInline

PAGE = 50


class Records(ModelAdmin):
    """Read-only for superusers, too. `hidden` names the columns that nobody is to read here."""

    list_per_page = PAGE
    list_max_show_all = PAGE
    show_full_result_count = False
    actions_selection_counter = True
    hidden: tuple[str, ...] = ()

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.admin_site.has_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.admin_site.has_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self.hidden


class Rows(TabularInline):
    """A record's own rows below it."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.admin_site.has_permission(request)


class Named(admin.ListFilter):
    """Narrow a list by something that may be one of a hundred thousand: its name or id is typed, not picked."""

    template = "admin/named_filter.html"
    parameter_name = ""
    path = ""
    column = "name"

    def __init__(
        self, request: HttpRequest, params: dict[str, list[str]], model: type[Model], model_admin: Any
    ) -> None:
        super().__init__(request, params, model, model_admin)
        given = params.pop(self.parameter_name, [""])[-1].strip().replace("\0", "")
        if given:
            self.used_parameters[self.parameter_name] = given[:200]

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return [self.parameter_name]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        kept = [
            (name, value)
            for name, value in changelist.get_filters_params().items()
            if name not in {self.parameter_name, "p"}
        ]
        pairs = [(name, one) for name, values in kept for one in (values if isinstance(values, list) else [values])]
        yield {
            "name": self.parameter_name,
            "value": self.used_parameters.get(self.parameter_name, ""),
            "kept": pairs,
            "without": changelist.get_query_string(remove=[self.parameter_name, "p"]),
        }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        given = self.used_parameters.get(self.parameter_name)
        return queryset.filter(self.condition(str(given))) if given else queryset

    def condition(self, given: str) -> Q:
        try:
            return Q(**{self.path: uuid.UUID(given)})
        except ValueError:
            return Q(**{f"{self.path}__{self.column}__iexact": given})


def named(title: str, path: str, *, column: str = "name") -> type[Named]:
    """A filter by what `path` leads to, found by its `column` or id."""
    members = {"title": title, "parameter_name": title, "path": path, "column": column}
    return type(f"By{title.title()}", (Named,), members)


class ById(Named):
    """Of what belongs to the upper floor, whose names are not known here."""

    def condition(self, given: str) -> Q:
        try:
            return Q(**{self.path: uuid.UUID(given)})
        except ValueError:
            return Q(pk__in=())


class ByEnvironmentId(ById):
    title = parameter_name = "environment"
    path = "environment_id"


def page_of(description: str, url: Callable[[Any], str]) -> Any:
    """A column that leads to the record's page in the dashboard."""

    @admin.display(description=description)
    def column(record: Any) -> str:
        where = url(record)
        return format_html('<a href="{}">{}</a>', where, "Open") if where else ""

    return staticmethod(column)
