from django.urls import path

from accounts import views

urlpatterns = [
    path("activate/<str:uidb64>/<str:token>/", views.Activate.as_view(), name="account_activate"),
    path("people/", views.people_list, name="people"),
    path("people/<uuid:user_id>/erase/", views.person_erase, name="person_erase"),
    path("people/erase-patient/", views.patient_erase, name="patient_erase"),
]
