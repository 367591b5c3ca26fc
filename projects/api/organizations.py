"""REST: the organizations one belongs to."""

from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router

from projects import organizations
from projects.api.schemas import OrganizationOut
from projects.models import Organization
from projects.rest.bodies import actor
from projects.rest.paging import Paging, page

router = Router(tags=["people"])


@router.get("/organizations", response=list[OrganizationOut])
def list_organizations(request: HttpRequest, paging: Query[Paging]) -> list[Organization]:
    return page(request, organizations.visible(actor(request)), paging)


@router.get("/organizations/{id}", response=OrganizationOut)
def get_organization(request: HttpRequest, id: UUID) -> Organization:
    return organizations.find(actor(request), id)
