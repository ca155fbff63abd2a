from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.access import requires
from audits.posthoc import boards
from audits.posthoc.board_forms import ConveneForm, DeclareForm, FindingForm, FollowForm
from audits.posthoc.models import BoardFinding, BoardReview
from core.errors import ApplicationError, Conflict
from core.roles import Role


@require_GET
@requires("board.view")
def board_reviews(request: HttpRequest) -> HttpResponse:
    return _list(request, ConveneForm())


@require_POST
@requires("board.convene")
def board_convene(request: HttpRequest) -> HttpResponse:
    form = ConveneForm(request.POST)
    if not form.is_valid():
        return _list(request, form, status=400)
    try:
        made = boards.review_convene(**form.cleaned_data, actor=request.user)  # type: ignore[arg-type]
    except (ApplicationError, Conflict) as error:
        form.add_error(None, str(error))
        return _list(request, form, status=409 if isinstance(error, Conflict) else 400)
    return redirect("board_review", made.id)


def _list(request: HttpRequest, form: ConveneForm, status: int = 200) -> HttpResponse:
    seen = BoardReview.objects.for_user(request.user)
    state = request.GET.get("state", "")
    if state in BoardReview.State.values:
        seen = seen.filter(state=state)
    context = {
        "page": Paginator(seen, 20).get_page(request.GET.get("page")), "form": form, "state": state,
        "states": BoardReview.State.choices,
        "may_convene": request.user.may("board.convene"),  # type: ignore[union-attr]
    }  # fmt: skip
    return render(request, "audits_posthoc/boards.html", context, status=status)


@require_GET
@requires("board.view")
def board_review(request: HttpRequest, review_id: uuid.UUID) -> HttpResponse:
    return _page(request, _found(request, review_id), FindingForm())


def _page(request: HttpRequest, review: BoardReview, form: FindingForm, status: int = 200) -> HttpResponse:
    user = request.user
    whole, members = review.is_open_to(user), list(review.members.select_related("user"))
    own = next((member for member in members if member.user_id == user.pk), None)
    sitting = review.state == BoardReview.State.OPEN and own is not None and user.may("board.hold")  # type: ignore[union-attr]
    clear = sitting and own is not None and own.conflicted is False
    context = {
        "review": review, "crumb_name": str(review), "members": members, "whole": whole, "form": form,
        "findings": [(row, _steps(row, user)) for row in review.findings_for(user)],
        "declare": DeclareForm() if sitting and own is not None and own.declared_at is None else None,
        "may_find": clear,
        "may_sign": clear and Role.AUDITOR in user.roles,  # type: ignore[union-attr]
    }  # fmt: skip
    return render(request, "audits_posthoc/board.html", context, status=status)


def _steps(finding: BoardFinding, user) -> list[tuple[str, str]]:
    """The steps that this person may take now, with their words."""
    states = BoardFinding.State
    verifies = finding.state == states.DONE
    mine = Role.AUDITOR in user.roles and user.pk != finding.owner_id if verifies else user.pk == finding.owner_id
    following = BoardFinding.TRANSITIONS[states(finding.state)] if mine else set()
    return [(state.value, states(state).label) for state in states if state in following]


@require_POST
@requires("board.hold")
def board_declare(request: HttpRequest, review_id: uuid.UUID) -> HttpResponse:
    review = _found(request, review_id)
    form = DeclareForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Keep the declaration under 2,000 characters.")
    else:
        boards.conflict_declare(review=review, conflict=form.cleaned_data["conflict"], actor=request.user)  # type: ignore[arg-type]
    return redirect("board_review", review.id)


@require_POST
@requires("board.hold")
def board_find(request: HttpRequest, review_id: uuid.UUID) -> HttpResponse:
    review, form = _found(request, review_id), FindingForm(request.POST)
    if not form.is_valid():
        return _page(request, review, form, status=400)
    try:
        boards.finding_add(review=review, **form.cleaned_data, actor=request.user)  # type: ignore[arg-type]
    except (ApplicationError, Conflict) as error:
        form.add_error(None, str(error))
        return _page(request, review, form, status=409 if isinstance(error, Conflict) else 400)
    return redirect("board_review", review.id)


@require_POST
@requires("board.hold")
def board_sign(request: HttpRequest, review_id: uuid.UUID) -> HttpResponse:
    review = _found(request, review_id)
    boards.review_sign(review=review, actor=request.user)  # type: ignore[arg-type]
    return redirect("board_review", review.id)


@require_POST
@requires("board.follow")
def board_follow(request: HttpRequest, finding_id: uuid.UUID) -> HttpResponse:
    seen = BoardReview.objects.for_user(request.user)
    finding = get_object_or_404(BoardFinding.objects.filter(review__in=seen), id=finding_id)
    form = FollowForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose a step and say what was done, in at most 2,000 characters.")
    else:
        boards.finding_follow(finding=finding, **form.cleaned_data, actor=request.user)  # type: ignore[arg-type]
    return redirect("board_review", finding.review_id)


def _found(request: HttpRequest, review_id: uuid.UUID) -> BoardReview:
    return get_object_or_404(BoardReview.objects.for_user(request.user), id=review_id)
