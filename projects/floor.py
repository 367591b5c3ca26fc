"""The lower floor, as Django knows it: named here because `apps.py` is the room of the apps."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class Projects(AppConfig):
    name = "projects"
    label = "projects"


class Admin(AdminConfig):
    default_site = "projects.staff.Site"
