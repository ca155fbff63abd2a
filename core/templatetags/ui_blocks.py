"""Template tags that wrap a piece of a page: {% panel %} ... {% endpanel %}. Part of the `ui` library."""

from __future__ import annotations

from typing import Any

from django import template
from django.template.context import Context
from django.utils.safestring import SafeString
from django.utils.text import slugify

from core.glossary import meaning_of
from core.tones import TONES, look_of

register = template.Library()


def tone_name(name: str) -> str:
    if name not in TONES:
        raise template.TemplateSyntaxError(f"expected a tone out of {', '.join(TONES)}, got {name!r}")
    return name


def _render(name: str, values: dict[str, Any], context: Context) -> SafeString:
    if context.template is None:
        raise template.TemplateSyntaxError(f"{name} needs the context of a template that is being rendered")
    return context.template.engine.get_template(name).render(context.new(values))


@register.simple_block_tag(takes_context=True)
def panel(
    context: Context,
    content: str,
    title: str,
    id: str = "",
    level: int = 2,
    note: str = "",
    link: str = "",
    url: str = "",
    metric: str = "",
) -> SafeString:
    """A card with a heading; `link` and `url` put one link in its head. `id` when two panels share a title.

    `metric` puts the entry of the glossary beside the heading.
    """
    values = {
        "content": content,
        "title": title,
        "id": id or f"panel-{slugify(title) or 'untitled'}",
        "tag": f"h{int(level)}",
        "note": note,
        "link": link,
        "url": url,
        "entry": meaning_of(metric) if metric else None,
    }
    return _render("partials/panel.html", values, context)


@register.simple_block_tag(takes_context=True)
def notice(context: Context, content: str, tone: str = "info", title: str = "", icon: str = "") -> SafeString:
    """A remark that must be read: a limit of what is claimed, a refusal, a next step."""
    icons = {"pass": "check-circle", "fail": "x-circle", "warn": "alert", "halt": "stop"}
    values = {"content": content, "tone": tone_name(tone), "title": title, "icon_name": icon or icons.get(tone, "info")}
    return _render("partials/notice.html", values, context)


@register.simple_block_tag(takes_context=True)
def verdict(context: Context, content: str, value: object, title: str = "Verdict") -> SafeString:
    """The outcome of an audit, large: the word, its icon, and the reason in between the tags."""
    return _render("partials/verdict.html", {"content": content, "look": look_of(value), "title": title}, context)


@register.simple_block_tag(takes_context=True)
def table(
    context: Context, content: str, caption: str, stack: bool = False, show_caption: bool = False, label: str = ""
) -> SafeString:
    """A data table from thead and tbody. Wide ones scroll; `stack` folds rows to cards on a phone (`data-label`).

    `label` says whose table it is, for assistive technology, where several of a page have one caption.
    """
    region = f"{label}: {caption}" if label else caption
    values = {"content": content, "caption": caption, "stack": stack, "show_caption": show_caption, "region": region}
    return _render("partials/table.html", values, context)
