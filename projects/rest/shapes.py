"""What requests carry and answers tell: a body whose unknown fields are refused, and a change of a known thing."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from projects import reasons
from projects.errors import Invalid
from projects.rest.conditional import VOLATILE

RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


def _of_rfc_3339(value: Any) -> Any:
    """A number is no moment: `2020` would be half an hour after the epoch began."""
    if value is not None and not (isinstance(value, str) and RFC_3339.fullmatch(value)):
        raise PydanticCustomError("moment", "must be a time with its zone as in RFC 3339, 2026-01-31T12:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_of_rfc_3339)]


class Reasoned(BaseModel):
    """What every change may say of itself. It is no part of the thing, and so of no dump of the body."""

    reason: str = Field("", exclude=True, description=f"Why; {reasons.TOO_LONG}. Told with what happened.")
    link: str = Field("", exclude=True, description="A ticket or a CI job, http or https. Told with what happened.")

    @field_validator("reason")
    @classmethod
    def _short(cls, reason: str) -> str:
        if len(reason) > reasons.LONGEST:
            raise PydanticCustomError("reason", "{message}", {"message": reasons.TOO_LONG})
        return reason

    @field_validator("link")
    @classmethod
    def _to_a_page(cls, link: str) -> str:
        if link.strip() and not reasons.LINK.fullmatch(link.strip()):
            raise PydanticCustomError("link", "{message}", {"message": reasons.NO_LINK})
        return link.strip()


class Body(BaseModel):
    """The body of a POST: a field that is not known is 422."""

    model_config = ConfigDict(extra="forbid")


class Wish(Reasoned, Body):
    """The body of a POST by which a person or a script changes something."""


class Change(Reasoned):
    """The body of a PATCH: `given` keeps what is to change."""

    model_config = ConfigDict(extra="allow")

    def given(self, current: Mapping[str, Any], *, tagged: bool = False) -> dict[str, Any]:
        """The fields sent. A read-only field of the answer sent back unchanged is ignored, anything else is 422.

        What is measured may have moved since it was read: it is believed to be sent back where the client says which
        version it has read (`tagged`), or sends back all that is read-only.
        """
        found = self.model_dump(exclude_unset=True)
        extra = self.model_extra or {}
        fixed = set(current) - set(type(self).model_fields) - VOLATILE
        read = tagged or fixed <= set(extra)
        wrong = []
        for name in extra:
            value = as_json(found.pop(name))
            if name not in current:
                wrong.append({"field": name, "message": "is not known here"})
            elif value != (now := as_json(current[name])) and not (read and name in VOLATILE and _alike(value, now)):
                wrong.append({"field": name, "message": "cannot be changed"})
        if wrong:
            raise Invalid(f"{wrong[0]['field']} {wrong[0]['message']}.", errors=wrong)
        return found


class Answer(BaseModel):
    """What an answer looks like; made of a mapping or of a row."""

    model_config = ConfigDict(from_attributes=True)


def as_json(value: Any) -> Any:
    """The value as a client would have read it."""
    return orjson.loads(orjson.dumps(value, default=str))


def _alike(one: Any, other: Any) -> bool:
    """Whether one may be the other at another moment."""
    return type(one) is type(other)
