"""The pages that know nothing of environments."""

from django.urls import path

from projects.views import links, sign_in

urlpatterns = [
    path("sign-in", sign_in.sign_in, name="sign-in"),
    path("sign-out", sign_in.sign_out, name="sign-out"),
    path("theme", sign_in.theme, name="theme"),
    path("join/<str:secret>", links.invitation, name="invitation-link"),
    path("password/<str:ident>/<str:token>", links.password, name="password-link"),
    path("organization", sign_in.organization_choice, name="organization-choice"),
]
