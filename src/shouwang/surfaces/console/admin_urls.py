"""Pages of those who run the place: accounts, params, rosters, ingest, imports, audit."""

from django.urls import URLPattern, URLResolver, path

from . import password

urlpatterns: list[URLPattern | URLResolver] = [
    path("password/", password.password, name="password"),
    path("second-factor/", password.second_factor, name="second-factor"),
    path("tokens/", password.tokens, name="tokens"),
    path("tokens/<int:pk>/revoke/", password.revoke, name="token-revoke"),
]
