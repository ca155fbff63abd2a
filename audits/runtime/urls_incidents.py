from django.urls import path

from audits.runtime import views_incidents, views_lookback, views_notices

urlpatterns = [
    path("incidents/", views_incidents.incident_list, name="incidents"),
    path("incidents/<uuid:incident_id>/", views_incidents.incident, name="incident"),
    path("incidents/<uuid:incident_id>/assign/", views_incidents.incident_assign, name="incident_assign"),
    path("incidents/<uuid:incident_id>/facts/", views_incidents.incident_facts, name="incident_facts"),
    path("incidents/<uuid:incident_id>/clocks/", views_incidents.incident_clock, name="incident_clock"),
    path("incidents/<uuid:incident_id>/notes/", views_incidents.incident_note, name="incident_note"),
    path("incidents/<uuid:incident_id>/tasks/", views_incidents.incident_task, name="incident_task"),
    path("incidents/<uuid:incident_id>/tasks/<uuid:task_id>/done/", views_incidents.task_done, name="task_done"),
    path("incidents/<uuid:incident_id>/advance/", views_incidents.incident_advance, name="incident_advance"),
    path("incidents/<uuid:incident_id>/period/", views_incidents.look_back_change, name="look_back_change"),
    path("incidents/<uuid:incident_id>/look-back/", views_lookback.look_back, name="look_back"),
    path("incidents/<uuid:incident_id>/look-back/mark/", views_lookback.look_back_mark, name="look_back_mark"),
    path("incidents/<uuid:incident_id>/look-back/find/", views_lookback.look_back_find, name="look_back_find"),
    path("incidents/<uuid:incident_id>/look-back.csv", views_lookback.look_back_csv, name="look_back_csv"),
    path("reinstatements/<uuid:vote_id>/evidence/", views_notices.vote_evidence, name="vote_evidence"),
    path("notices/", views_notices.notice_list, name="notices"),
    path("notices/<uuid:notice_id>/send/", views_notices.notice_again, name="notice_again"),
    path("webhooks/", views_notices.webhook_list, name="webhooks"),
    path("webhooks/<uuid:subscription_id>/revoke/", views_notices.webhook_revoke, name="webhook_revoke"),
]
