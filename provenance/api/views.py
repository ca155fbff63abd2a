from __future__ import annotations

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status as http
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.pages import Following
from core.errors import Conflict, NotFound
from provenance import checking, objects, overview, presentation, reading, witnesses
from provenance.api import serializers
from provenance.completeness import completeness_latest
from provenance.exploring import entries_matching
from provenance.models import Anchor, Checkpoint, Entry

PLAIN = {(200, "text/plain"): OpenApiTypes.STR}


class LedgerApi(APIView):
    """Everything here is for those who may see the ledger."""

    action_name = "ledger.view"


class LedgerStatus(LedgerApi):
    @extend_schema(responses=serializers.StatusOutput, operation_id="ledger_status")
    def get(self, request: Request) -> Response:
        """Sizes, keys, the newest checkpoint, and how far the chain has it."""
        found = presentation.status()
        checkpoint, chain = found["checkpoint"], found["chain"]
        found |= {
            "origin": settings.LOG_ORIGIN,
            "keys": overview.signing_vkeys(),
            "checkpoint": checkpoint
            and {"size": checkpoint.size, "root": bytes(checkpoint.root).hex(), "created_at": checkpoint.created_at},
            "chain": chain
            and {
                "chain_id": chain.chain_id,
                "contract": chain.contract,
                "log_id": chain.log_id,
                "head_size": chain.head_size,
                "head_root": bytes(chain.head_root).hex(),
                "block_number": chain.block_number,
                "operated_by_this_platform": chain.embedded,
                "read_at": chain.read_at,
            },
        }
        return Response(serializers.StatusOutput(found).data)


@extend_schema(parameters=[serializers.EntriesInput])
class EntryList(LedgerApi, ListAPIView):
    """Entries in their order, after a number. Bodies are read one by one, and each reading is recorded."""

    serializer_class = serializers.EntryOutput
    pagination_class = Following
    key, usual, start = "seq", 100, -1
    queryset = Entry.objects.none()

    def get_queryset(self):
        wanted = serializers.EntriesInput(data=self.request.query_params)
        wanted.is_valid(raise_exception=True)
        return entries_matching(wanted.criteria(), user=self.request.user)


class EntryDetail(LedgerApi):
    @extend_schema(responses=serializers.DetailOutput, operation_id="ledger_entry")
    def get(self, request: Request, seq: int) -> Response:
        """One entry with its proof checked now, and its body if it lies within your reach (recorded as read)."""
        entry = get_object_or_404(Entry, seq=seq)
        checked = presentation.evidence(entry)
        opened = presentation.body_read(entry=entry, user=request.user)
        anchor, checkpoint = checked.inclusion.anchor, checked.inclusion.checkpoint
        found = {
            **serializers.EntryOutput(entry).data,
            "state": checked.state,
            "problems": checked.problems,
            "checkpoint_size": checkpoint.size if checkpoint else None,
            "anchor": serializers.AnchorOutput(anchor).data if anchor else None,
            "body": serializers.BodyOutput(opened).data if opened else None,
        }
        return Response(found)


class EntryProof(LedgerApi):
    may_answer = (409,)

    @extend_schema(responses=PLAIN, operation_id="ledger_entry_proof")
    def get(self, request: Request, seq: int) -> HttpResponse:
        """The entry's inclusion as a C2SP tlog-proof file."""
        inclusion = reading.prove(get_object_or_404(Entry, seq=seq))
        if inclusion.checkpoint is None:
            raise Conflict("No signed checkpoint covers this entry yet; try again in a second.")
        return HttpResponse(presentation.proof_file(inclusion), content_type="text/plain; charset=utf-8")


class NewestCheckpoint(LedgerApi):
    may_answer = (404,)

    @extend_schema(responses=PLAIN, operation_id="ledger_checkpoint")
    def get(self, request: Request) -> HttpResponse:
        """The newest signed checkpoint (C2SP tlog-checkpoint); keep it, and nothing before it can be changed unseen."""
        checkpoint = Checkpoint.objects.first()
        if checkpoint is None:
            raise NotFound("No checkpoint is signed yet; the first one follows the first entry within seconds.")
        return HttpResponse(witnesses.cosigned_note(checkpoint), content_type="text/plain; charset=utf-8")


class WitnessList(LedgerApi, ListAPIView):
    """Who has witnessed the log, up to where, and what they found."""

    serializer_class = serializers.WitnessOutput

    def get_queryset(self):
        return [] if getattr(self, "swagger_fake_view", False) else list(witnesses.witness_rows())


class CheckpointList(LedgerApi, ListAPIView):
    """Signed checkpoints, oldest first."""

    serializer_class = serializers.CheckpointOutput
    pagination_class = Following
    key, usual, start = "size", 100, -1
    queryset = Checkpoint.objects.all()


class CheckpointDetail(LedgerApi):
    @extend_schema(responses=PLAIN, operation_id="ledger_checkpoint_at")
    def get(self, request: Request, size: int) -> HttpResponse:
        """A signed checkpoint with the witnesses' cosignatures, for keeping elsewhere."""
        checkpoint = get_object_or_404(Checkpoint, size=size)
        return HttpResponse(witnesses.cosigned_note(checkpoint), content_type="text/plain; charset=utf-8")


class AnchorList(LedgerApi, ListAPIView):
    """Anchors on the chain, oldest first, each with what is kept to show it without the chain."""

    serializer_class = serializers.AnchorOutput
    pagination_class = Following
    key, usual, start = "checkpoint_id", 100, -1
    queryset = Anchor.objects.all()


class Completeness(LedgerApi):
    may_answer = (404,)

    @extend_schema(responses=serializers.CompletenessOutput, operation_id="ledger_completeness")
    def get(self, request: Request) -> Response:
        """How much of what happened stands in the log, as last measured; POST to `ledger/verification` measures it."""
        found = completeness_latest()
        if found is None:
            raise NotFound("Completeness was not measured yet; POST to /api/v1/ledger/verification measures it.")
        return Response(serializers.CompletenessOutput(found).data)


class ObjectHistory(LedgerApi, ListAPIView):
    """Everything the log has about one object, in its order."""

    serializer_class = serializers.EntryOutput
    pagination_class = Following
    key, usual, start = "seq", 100, -1
    queryset = Entry.objects.none()

    def get_queryset(self):
        about = objects.about(self.kwargs["object_id"])
        return Entry.objects.filter(object_id=about.object_id, table=about.table)


class Verifier(LedgerApi):
    @extend_schema(responses={(200, "application/zip"): OpenApiTypes.BINARY}, operation_id="ledger_verifier")
    def get(self, request: Request) -> HttpResponse:
        """The offline verifier as one file: it checks bundles, proofs and checkpoints without us."""
        headers = {"Content-Disposition": 'attachment; filename="verifier.pyz"'}
        return HttpResponse(overview.verifier_program(), content_type="application/zip", headers=headers)


class ObjectBundle(LedgerApi):
    may_answer = (409, 413)

    @extend_schema(
        parameters=[OpenApiParameter("table", str, description="if the identifier stands in several tables")],
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
        operation_id="ledger_object_bundle",
    )
    def get(self, request: Request, object_id: str) -> HttpResponse:
        """The evidence about one object, to be checked offline with the verifier. What you may not read is withheld."""
        table = request.query_params.get("table")
        data = objects.bundle_for(object_id=object_id, table=table, user=request.user)
        name = f"evidence-{objects.file_stem(object_id)}.zip"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return HttpResponse(data, content_type="application/zip", headers=headers)


class LedgerVerification(LedgerApi):
    may_answer = {"GET": (404,)}

    @extend_schema(responses=serializers.VerificationOutput, operation_id="ledger_verification")
    def get(self, request: Request) -> Response:
        """What the newest check of the whole ledger found."""
        result = checking.verification_latest()
        if result is None:
            raise NotFound("The ledger was not checked from here yet; POST to this address to have it checked.")
        return Response(serializers.VerificationOutput(result).data)

    @extend_schema(
        request=None,
        responses={200: serializers.VerificationOutput, 202: serializers.StartedOutput},
        operation_id="ledger_verify",
    )
    def post(self, request: Request) -> Response:
        """Check the whole ledger: a short one at once (200), a long one as a job (202; GET shows the result)."""
        result = checking.verification_start()
        if result is None:
            return Response(
                {"message": "The check was started; GET this address for the result."},
                status=http.HTTP_202_ACCEPTED,
            )
        return Response(serializers.VerificationOutput(result).data)
