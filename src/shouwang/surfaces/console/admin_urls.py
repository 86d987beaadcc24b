"""Pages of those who run the place: accounts, params, rosters, ingest, imports, audit."""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
