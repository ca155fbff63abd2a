from django.contrib.auth import views as auth
from django.urls import URLPattern, URLResolver, include, path

from provenance.metrics import metrics as ledger_metrics
from qflethics.home import views as home

# What machines ask hundreds of times a second comes first: an address is looked for from the top.
API: list[URLPattern | URLResolver] = [
    path("", include("audits.runtime.api.urls")),
    path("", include("federation.api.urls")),
    path("", include("models_registry.api.urls")),
    path("", include("audits.predeployment.api.urls")),
    path("", include("audits.posthoc.api.urls")),
    path("", include("protection.api.urls")),
    path("", include("interop.api.urls")),
    path("", include("provenance.api.urls")),
    path("", include("accounts.api.urls")),
    path("", include("qflethics.api.urls")),
]

urlpatterns = [
    path("api/v1/", include(API)),
    path("", home.home, name="home"),
    path("search/", home.search, name="search"),
    path("language/", home.language, name="language"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("health/live", home.health_live, name="health_live"),
    path("health/ready", home.health_ready, name="health_ready"),
    path("metrics", ledger_metrics, name="metrics"),
    path("", include("accounts.urls")),
    path("", include("federation.urls")),
    path("", include("models_registry.urls")),
    path("", include("audits.predeployment.urls")),
    path("", include("audits.runtime.urls")),
    path("", include("audits.posthoc.urls")),
    path("", include("protection.urls")),
    path("", include("interop.urls")),
    path("", include("provenance.urls")),
]

handler400 = "qflethics.home.views.bad_request"
handler403 = "qflethics.home.views.forbidden"
handler404 = "qflethics.home.views.not_found"
handler500 = "qflethics.home.views.server_error"
