"""Pages of those who run the place: accounts, params, rosters, ingest, imports, audit."""

from django.urls import URLPattern, URLResolver, path

from . import accounts, ingest, params, password, rosters

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
    path("params/", params.index, name="params"),
    path("params/proposals/<int:pk>/approve/", params.approve, name="param-approve"),
    path("params/proposals/<int:pk>/reject/", params.reject, name="param-reject"),
    path("params/<str:path>/", params.one, name="param"),
    path("params/<str:path>/propose/", params.propose, name="param-propose"),
    path("rosters/", rosters.index, name="rosters"),
    path("rosters/make/", rosters.make, name="roster-make"),
    path("rosters/<int:pk>/", rosters.one, name="roster"),
    path("rosters/<int:pk>/add/", rosters.add, name="roster-add"),
    path("rosters/<int:pk>/copy/", rosters.copy, name="roster-copy"),
    path("rosters/shifts/<int:pk>/replace/", rosters.replace, name="roster-replace"),
    path("ingest/", ingest.index, name="ingest"),
    path("ingest/numbers/", ingest.numbers, name="ingest-numbers"),
    path("ingest/guide/", ingest.guide, name="ingest-guide"),
    path("ingest/sources/", ingest.sources, name="sources"),
    path("ingest/sources/make/", ingest.make, name="source-make"),
    path("ingest/sources/<int:pk>/<slug:what>/", ingest.change, name="source-change"),
]
