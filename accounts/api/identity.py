"""Who may come in: invitations of people, and identity providers of institutions."""

from __future__ import annotations

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import invitations, providers
from accounts.api.callers import given, person
from accounts.api.serializers import ROLES, MembershipOutput
from accounts.models import IdentityProvider, Institution, Invitation
from core.errors import NotFound
from core.roles import LABELS

INVITED = [(role.value, LABELS[role]) for role in invitations.INVITED_ROLES]
NO_STORE = {"Cache-Control": "no-store"}


class PersonInvitationOutput(serializers.ModelSerializer):
    """A role that waits for a person. Without an institution, one of the platform."""

    institution = serializers.SlugRelatedField(slug_field="slug", read_only=True, allow_null=True)  # type: ignore[var-annotated]
    person = serializers.CharField(source="user.name", help_text="Their name.")
    role = serializers.ChoiceField(choices=ROLES)
    is_open = serializers.BooleanField(help_text="It can be accepted.")

    class Meta:
        model = Invitation
        fields = ["id", "created_at", "person", "institution", "role", "invited_by", "expires_at", "accepted_at",
                  "withdrawn_at", "is_open"]  # fmt: skip


class NewPersonInvitationOutput(PersonInvitationOutput):
    link = serializers.SerializerMethodField(
        help_text="The way in, to be handed over. It is a secret, shown this once, and works for three days."
    )
    mailed = serializers.SerializerMethodField(help_text="Whether the platform has mailed it as well.")

    class Meta(PersonInvitationOutput.Meta):
        fields = [*PersonInvitationOutput.Meta.fields, "link", "mailed"]

    def get_link(self, row: Invitation) -> str:
        return self.context["link"]

    def get_mailed(self, row: Invitation) -> bool:
        return self.context["mailed"]


class PersonInvitationFilter(serializers.Serializer):
    institution = serializers.SlugField(source="institution__slug", required=False, help_text="To which institution.")
    role = serializers.ChoiceField(choices=INVITED, required=False)
    accepted = serializers.BooleanField(source="accepted_at__isnull", required=False, help_text="Was accepted.")

    def validate_accepted(self, accepted: bool) -> bool:
        return not accepted  # of the lookup: whether there is no such moment


class PersonInvitationInput(serializers.Serializer):
    email = serializers.EmailField(
        max_length=254, help_text="The one that the institution's own sign-in knows, if it has one."
    )
    name = serializers.CharField(max_length=120)
    institution = serializers.SlugRelatedField(
        slug_field="slug", queryset=Institution.objects.all(), default=None, allow_null=True,
        help_text="One that you administer; null: the platform itself.",
    )  # fmt: skip
    role = serializers.ChoiceField(choices=INVITED)


class IdentityProviderOutput(serializers.ModelSerializer):
    """The sign-in service of an institution. Its secret is sealed, and shown to nobody."""

    institution = serializers.SlugRelatedField(slug_field="slug", read_only=True)  # type: ignore[var-annotated]
    factor_amr = serializers.ListField(child=serializers.CharField())
    factor_acr = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = IdentityProvider
        fields = ["id", "created_at", "institution", "protocol", "slug", "name", "issuer", "client_id", "sso_url",
                  "certificates", "email_attribute", "factor_amr", "factor_acr", "is_active"]  # fmt: skip


class IdentityProviderFilter(serializers.Serializer):
    institution = serializers.SlugField(source="institution__slug", required=False, help_text="Of which institution.")
    active = serializers.BooleanField(source="is_active", required=False, help_text="Offered at the sign-in.")


class IdentityProviderChangeInput(serializers.Serializer):
    name = serializers.CharField(max_length=40, help_text="The sign-in page offers: Sign in with …")
    issuer = serializers.CharField(
        max_length=300,
        help_text="The address that the provider calls itself, beginning with https://. Of SAML: its entity id.",
    )
    client_id = serializers.CharField(
        max_length=190, default="", allow_blank=True, help_text="Of OpenID Connect: how the provider knows us."
    )
    secret = serializers.CharField(
        max_length=300, default="", allow_blank=True, help_text="Sealed. Empty: the one that stands."
    )
    sso_url = serializers.CharField(
        max_length=500, default="", allow_blank=True, help_text="Of SAML: where it signs people in, by HTTP-Redirect."
    )
    certificates = serializers.CharField(
        max_length=40_000, default="", allow_blank=True, help_text="Of SAML: its signing certificates, as PEM."
    )
    email_attribute = serializers.CharField(
        max_length=200, default="", allow_blank=True,
        help_text="Of SAML: the attribute that holds addresses which the institution has checked.",
    )  # fmt: skip
    factor_amr = serializers.ListField(
        child=serializers.CharField(max_length=60), max_length=20, default=list,
        help_text="Ways of signing in that count as a second factor, as mfa, otp or hwk.",
    )  # fmt: skip
    factor_acr = serializers.ListField(
        child=serializers.CharField(max_length=200), max_length=20, default=list,
        help_text="Classes of signing in that count as a second factor.",
    )  # fmt: skip
    is_active = serializers.BooleanField(default=True, help_text="Offered at the sign-in.")


class IdentityProviderInput(IdentityProviderChangeInput):
    institution = serializers.SlugRelatedField(
        slug_field="slug", queryset=Institution.objects.all(), help_text="One that you administer. It stays."
    )
    protocol = serializers.ChoiceField(
        choices=IdentityProvider.Protocol.choices, default=IdentityProvider.Protocol.OPENID_CONNECT.value,
        help_text="It stays.",
    )  # fmt: skip
    slug = serializers.SlugField(max_length=40, help_text="A part of the provider's address here. It stays.")


class PersonInvitations(generics.ListAPIView):
    """Invitations of people, newest first."""

    actions = {"GET": "people.invite", "POST": "people.invite"}
    queryset = Invitation.objects.none()
    serializer_class = PersonInvitationOutput
    filters = PersonInvitationFilter
    sealed_by = ("user_id",)

    def get_queryset(self) -> Any:
        return invitations.of_institutions(person(self.request))

    @extend_schema(
        request=PersonInvitationInput, responses={201: NewPersonInvitationOutput}, operation_id="person_invite"
    )
    def post(self, request: Request) -> Response:
        """Invite an address to a role. The link stands in this answer alone."""
        made = invitations.invitation_send(actor=person(request), **given(PersonInvitationInput, request))
        link = request.build_absolute_uri(invitations.way_in(made))
        context = {"link": link, "mailed": invitations.link_mail(made, link)}
        return Response(NewPersonInvitationOutput(made, context=context).data, status=201, headers=NO_STORE)


class PersonInvitationWithdrawal(APIView):
    action_name = "people.invite"

    @extend_schema(request=None, responses=PersonInvitationOutput, operation_id="person_uninvite")
    def post(self, request: Request, invitation_id: uuid.UUID) -> Response:
        """Take an invitation back that was not accepted."""
        done = invitations.invitation_withdraw(actor=person(request), invitation_id=invitation_id)
        return Response(PersonInvitationOutput(done).data)


class RoleEnd(APIView):
    action_name = "people.invite"

    @extend_schema(request=None, responses=MembershipOutput, operation_id="membership_end")
    def post(self, request: Request, membership_id: uuid.UUID) -> Response:
        """Take a role away from a person, from this moment on."""
        done = invitations.membership_end(actor=person(request), membership_id=membership_id)
        return Response(MembershipOutput(done).data)


class MyInvitations(generics.ListAPIView):
    """Roles that wait for you, newest first."""

    action_name = "account.own"
    queryset = Invitation.objects.none()
    serializer_class = PersonInvitationOutput

    def get_queryset(self) -> Any:
        return invitations.waiting_for(person(self.request)).select_related("institution", "user")


class MyInvitationAcceptance(APIView):
    action_name = "account.own"

    @extend_schema(request=None, responses=PersonInvitationOutput, operation_id="invitation_accept")
    def post(self, request: Request, invitation_id: uuid.UUID) -> Response:
        """Take a further role that waits for you."""
        user = person(request)
        if not invitations.invitations_accept(user, only=invitation_id):
            raise NotFound("This invitation is not yours, or it was withdrawn or has ended.")
        return Response(PersonInvitationOutput(user.invitations.get(pk=invitation_id)).data)


class IdentityProviders(generics.ListAPIView):
    """Identity providers of the institutions that you administer, by name."""

    actions = {"GET": "provider.manage", "POST": "provider.manage"}
    queryset = IdentityProvider.objects.none()
    serializer_class = IdentityProviderOutput
    filters = IdentityProviderFilter

    def get_queryset(self) -> Any:
        return providers.of_institutions(person(self.request))

    @extend_schema(
        request=IdentityProviderInput, responses={201: IdentityProviderOutput}, operation_id="identity_provider_add"
    )
    def post(self, request: Request) -> Response:
        """Set up the sign-in service of an institution (OpenID Connect, or SAML 2.0)."""
        made = providers.provider_save(actor=person(request), **given(IdentityProviderInput, request))
        return Response(IdentityProviderOutput(made).data, status=201)


class IdentityProviderDetail(generics.RetrieveAPIView):
    """One provider."""

    actions = {"GET": "provider.manage", "PUT": "provider.manage"}
    queryset = IdentityProvider.objects.none()
    serializer_class = IdentityProviderOutput
    lookup_url_kwarg = "provider_id"

    def get_queryset(self) -> Any:
        return providers.of_institutions(person(self.request))

    @extend_schema(
        request=IdentityProviderChangeInput, responses=IdentityProviderOutput, operation_id="identity_provider_change"
    )
    def put(self, request: Request, provider_id: uuid.UUID) -> Response:
        """Change a provider. Its institution, protocol and short name stay."""
        row = get_object_or_404(self.get_queryset(), pk=provider_id)
        told = given(IdentityProviderChangeInput, request)
        done = providers.provider_save(
            actor=person(request), provider_id=row.pk, institution=row.institution, protocol=row.protocol, **told
        )  # fmt: skip
        return Response(IdentityProviderOutput(done).data)
