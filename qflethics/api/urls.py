from django.urls import path

from qflethics.api import views

urlpatterns = [
    path("home", views.Home.as_view(), name="api_home"),
    path("search", views.Search.as_view(), name="api_search"),
    path("schema", views.Schema.as_view(), name="api_schema"),
    path("docs", views.Docs.as_view(), name="api_docs"),
    path("docs/<slug:section>", views.Docs.as_view(), name="api_docs_section"),
]
