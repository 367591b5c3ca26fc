"""How every record is shown: to be read, searched and filtered; what happens to it happens in its room."""

import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import BadRequest, ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.html import format_html

from projects.errors import NotAllowed

if TYPE_CHECKING:  # only the stubs know what the row of an admin is
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
else:
    ModelAdmin, TabularInline = admin.ModelAdmin, admin.TabularInline

PAGE = 50
READ_ONLY = (
    "Records are only read here: what keeps them changes them, and writes down who asked. Open the page in the "
    "dashboard that the record leads to, or choose an action above its list."
)


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

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Refuses what nobody can have chosen there and Django fails on: what is no record's id."""
        try:
            for one in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.opts.pk.to_python(one)
        except ValidationError as unknown:
            raise BadRequest("No record has such an id.") from unknown
        return super().changelist_view(request, extra_context)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Refuses a moment that no calendar has, on which Django fails."""
        try:
            return super().get_changelist_instance(request)
        except (ValueError, OverflowError) as unknown:
            raise BadRequest("Nothing is of that moment.") from unknown

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> NoReturn:
        raise Http404("What happened is told by the events.")

    def lookup_allowed(self, lookup: str, value: str, request: Any = None) -> bool:
        """By what the list offers alone: any other column could be guessed letter by letter, the hidden ones, too."""
        offered: list[Any] = [*self.list_filter, self.date_hierarchy]
        typed = {one.parameter_name for one in offered if isinstance(one, type) and issubclass(one, Named)}
        columns = [one[0] if isinstance(one, tuple) else one for one in offered if not isinstance(one, type)]
        offers = any(f"{lookup}__".startswith(f"{column}__") for column in columns if column)
        return lookup in typed or (offers and super().lookup_allowed(lookup, value, request))

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if object_id is None or request.method == "POST":
            raise NotAllowed(READ_ONLY)
        return super().changeform_view(request, object_id, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *_: Any, **__: Any) -> NoReturn:
        raise NotAllowed(READ_ONLY)


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


def page_of(description: str, url: Callable[[Any], str]) -> Any:
    """A column that leads to the record's page in the dashboard."""

    @admin.display(description=description)
    def column(record: Any) -> str:
        where = url(record)
        return format_html('<a href="{}">{}</a>', where, "Open") if where else ""

    return staticmethod(column)
