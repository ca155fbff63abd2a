from django.urls import path

from audits.runtime.api import incident_views as views

_ONE = "incidents/<uuid:incident_id>"
urlpatterns = [
    path("incidents", views.IncidentsView.as_view(), name="api_incidents"),
    path(_ONE, views.IncidentView.as_view(), name="api_incident"),
    path(f"{_ONE}/assign", views.AssignView.as_view(), name="api_incident_assign"),
    path(f"{_ONE}/facts", views.FactsView.as_view(), name="api_incident_facts"),
    path(f"{_ONE}/clocks", views.ClockView.as_view(), name="api_incident_clocks"),
    path(f"{_ONE}/notes", views.NoteView.as_view(), name="api_incident_notes"),
    path(f"{_ONE}/tasks", views.TaskView.as_view(), name="api_incident_tasks"),
    path(f"{_ONE}/tasks/<uuid:task_id>/done", views.TaskDoneView.as_view(), name="api_incident_task_done"),
    path(f"{_ONE}/advance", views.AdvanceView.as_view(), name="api_incident_advance"),
    path(f"{_ONE}/period", views.PeriodView.as_view(), name="api_look_back_change"),
    path(f"{_ONE}/look-back", views.CasesView.as_view(), name="api_look_back"),
    path(f"{_ONE}/look-back/marks", views.MarksView.as_view(), name="api_look_back_marks"),
    path(f"{_ONE}/look-back/find", views.FindView.as_view(), name="api_look_back_find"),
    path(f"{_ONE}/look-back.csv", views.ExportView.as_view(), name="api_look_back_csv"),
    path("notices", views.NoticesView.as_view(), name="api_notices"),
    path("notices/<uuid:notice_id>/send", views.NoticeSendView.as_view(), name="api_notice_send"),
    path("webhooks", views.SubscriptionsView.as_view(), name="api_webhooks"),
    path("webhooks/<uuid:subscription_id>/revoke", views.SubscriptionRevokeView.as_view(), name="api_webhook_revoke"),
]
