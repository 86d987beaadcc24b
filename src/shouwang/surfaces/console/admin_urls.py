"""Pages of those who run the place: accounts, params, rosters, ingest, imports, audit."""

from django.urls import URLPattern, URLResolver, path

from . import accounts, password

urlpatterns: list[URLPattern | URLResolver] = [
    path("password/", password.password, name="password"),
    path("second-factor/", password.second_factor, name="second-factor"),
    path("tokens/", password.tokens, name="tokens"),
    path("tokens/<int:pk>/revoke/", password.revoke, name="token-revoke"),
    path("accounts/", accounts.index, name="accounts"),
    path("accounts/create/", accounts.create, name="account-create"),
    path("accounts/<int:pk>/", accounts.one, name="account"),
    path("accounts/<int:pk>/grant/", accounts.grant, name="account-grant"),
    path("accounts/<int:pk>/grants/<int:grant_pk>/withdraw/", accounts.withdraw, name="account-withdraw"),
    path("accounts/<int:pk>/<slug:what>/", accounts.act, name="account-act"),
]
