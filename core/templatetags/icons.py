"""The product's own line icons: 24 x 24 units, drawn with the current colour. Data only; the tag is in ui.py."""

from __future__ import annotations

_CIRCLE = '<circle cx="12" cy="12" r="9"/>'
_DOT = 'fill="currentColor" stroke="none"'

ICONS: dict[str, str] = {
    # navigation
    "home": '<path d="M4 11 12 4l8 7"/><path d="M6 9.5V20h12V9.5"/><path d="M10 20v-6h4v6"/>',
    "federation": '<circle cx="12" cy="5.5" r="2.5"/><circle cx="5" cy="18" r="2.5"/><circle cx="19" cy="18" r="2.5"/>'
    '<path d="M10.8 7.8 6.3 15.8M13.2 7.8l4.5 8M7.5 18h9"/>',
    "model": '<path d="m12 3 8 4.5v9L12 21l-8-4.5v-9z"/><path d="m4 7.5 8 4.5 8-4.5M12 12v9"/>',
    "audit": '<circle cx="10.5" cy="10.5" r="6.5"/><path d="m15.5 15.5 5 5"/><path d="m7.8 10.6 2 2 3.4-3.8"/>',
    "approval": '<path d="M9 13.5V10a4 4 0 1 1 6 0v3.5"/><path d="M5 17.5v-2a2 2 0 0 1 2-2h10a2 2 0 0 1 2 2v2z"/>'
    '<path d="M5 21h14"/>',
    "pulse": '<path d="M3 12h4l2.5-7 5 14 2.5-7h4"/>',
    "chain": '<path d="M10 8H7a4 4 0 0 0 0 8h3M14 8h3a4 4 0 0 1 0 8h-3M9 12h6"/>',
    "report": '<path d="M6 3h8l5 5v13H6z"/><path d="M14 3v5h5"/><path d="M9 17v-3M12 17v-6M15 17v-4"/>',
    "settings": '<path d="M4 7h9M17 7h3M4 17h3M11 17h9"/><circle cx="15" cy="7" r="2"/><circle cx="9" cy="17" r="2"/>',
    # states
    "check-circle": _CIRCLE + '<path d="m8 12.3 2.8 2.8L16.2 9"/>',
    "x-circle": _CIRCLE + '<path d="m9 9 6 6M15 9l-6 6"/>',
    "question-circle": _CIRCLE
    + f'<path d="M9.6 9.6a2.5 2.5 0 1 1 3.6 2.3c-.8.4-1.2.9-1.2 1.8"/><circle cx="12" cy="16.6" r="1" {_DOT}/>',
    "slash-circle": '<circle cx="12" cy="12" r="9" stroke-dasharray="3.2 2.45"/><path d="M8 12h8"/>',
    "stop": '<path d="M8.3 3h7.4L21 8.3v7.4L15.7 21H8.3L3 15.7V8.3z"/><path d="M8 12h8" stroke-width="2.6"/>',
    "alert": f'<path d="M12 4 2.8 20h18.4z"/><path d="M12 10v4.5"/><circle cx="12" cy="17.2" r="1" {_DOT}/>',
    "info": _CIRCLE + f'<path d="M12 11.2v5"/><circle cx="12" cy="8" r="1" {_DOT}/>',
    "clock": _CIRCLE + '<path d="M12 7v5.2l3.2 2"/>',
    "play": _CIRCLE + '<path d="m10 8.5 5.5 3.5-5.5 3.5z"/>',
    "pause": _CIRCLE + '<path d="M10 9v6M14 9v6"/>',
    "dot": f'<circle cx="12" cy="12" r="4" {_DOT}/>',
    "pencil": '<path d="m4 20 1-4.5L16 4.5l3.5 3.5L8.5 19z"/><path d="m14 6.5 3.5 3.5"/>',
    "inbox": '<path d="M4 13 6.5 5h11L20 13v6H4z"/><path d="M4 13h4.5l1.2 2.5h4.6l1.2-2.5H20"/>',
    "eye": '<path d="M2.5 12S6 5.8 12 5.8 21.5 12 21.5 12 18 18.2 12 18.2 2.5 12 2.5 12z"/>'
    '<circle cx="12" cy="12" r="2.8"/>',
    "undo": '<path d="M8 5 4 9l4 4"/><path d="M4 9h10a5.5 5.5 0 0 1 0 11H9"/>',
    "archive": '<path d="M4 5h16v4H4z"/><path d="M5.5 9v10h13V9M10 13h4"/>',
    "shadow": f'{_CIRCLE}<path d="M12 3a9 9 0 0 1 0 18z" {_DOT}/>',
    "refresh": '<path d="M20 6v4.5h-4.5"/><path d="M19.6 10.3A8 8 0 1 0 20 13"/>',
    "lock": '<path d="M6 11h12v9H6z"/><path d="M8.5 11V8a3.5 3.5 0 0 1 7 0v3"/>',
    "key": '<circle cx="8" cy="15.5" r="4"/><path d="m11 12.7 8-8M16 7.5l2.5 2.5M14 9.6l1.7 1.7"/>',
    "anchor": '<circle cx="12" cy="5.5" r="2.2"/><path d="M12 7.7V21M8.5 11h7"/>'
    '<path d="M4 14c.5 4 3.7 7 8 7s7.5-3 8-7"/>',
    "shield-check": '<path d="M12 3 5 5.8v5.7c0 4.3 2.8 7.6 7 9.5 4.2-1.9 7-5.2 7-9.5V5.8z"/>'
    '<path d="m8.8 12 2.3 2.3 4.3-4.8"/>',
    "flask": '<path d="M9.5 3h5M10.5 3v6L5 19.2A1.2 1.2 0 0 0 6 21h12a1.2 1.2 0 0 0 1-1.8L13.5 9V3"/>'
    '<path d="M8 15h8"/>',
    "hospital": '<path d="M5 21V4h14v17"/><path d="M3 21h18M12 7v6M9 10h6M10 21v-4h4v4"/>',
    "handshake": '<path d="M3 8v8M21 8v8"/><path d="M3 9h4l4-1.5 2 .5 4 1h4"/>'
    '<path d="m13 8-3.5 3a1.4 1.4 0 0 0 1.9 2L13.5 11.5 18 15.5M3 15h3l4.5 3.5 3.5.2 3-2.7"/>',
    "card": '<path d="M4 5h16v14H4z"/><path d="M7.5 9h4v4h-4zM14.5 9.5h2.5M14.5 12.5h2.5M7.5 16h9.5"/>',
    "atom": f'<circle cx="12" cy="12" r="1.5" {_DOT}/><ellipse cx="12" cy="12" rx="9.5" ry="3.8"/>'
    '<ellipse cx="12" cy="12" rx="9.5" ry="3.8" transform="rotate(60 12 12)"/>'
    '<ellipse cx="12" cy="12" rx="9.5" ry="3.8" transform="rotate(120 12 12)"/>',
    # controls
    "arrow-right": '<path d="M5 12h14M13 6l6 6-6 6"/>',
    "chevron-right": '<path d="m9 5 7 7-7 7"/>',
    "chevron-left": '<path d="m15 5-7 7 7 7"/>',
    "chevron-down": '<path d="m5 9 7 7 7-7"/>',
    "copy": '<path d="M9 8h11v12H9z"/><path d="M15 8V4H4v12h5"/>',
    "check": '<path d="m5 12.5 4.5 4.5L19 7.5"/>',
    "close": '<path d="m6 6 12 12M18 6 6 18"/>',
    "menu": '<path d="M4 7h16M4 12h16M4 17h16"/>',
    "sun": '<circle cx="12" cy="12" r="4"/><path d="M12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 1.4'
    'M18.4 5.6 17 7M7 17l-1.4 1.4"/>',
    "moon": '<path d="M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z"/>',
    "monitor": '<path d="M3 5h18v12H3z"/><path d="M9 21h6M12 17v4"/>',
    "user": '<circle cx="12" cy="8" r="4"/><path d="M4.5 20.5c.7-4 3.7-6 7.5-6s6.8 2 7.5 6"/>',
    "exit": '<path d="M14 4H5v16h9"/><path d="M10 12h11M17 8l4 4-4 4"/>',
    "external": '<path d="M13 4h7v7M20 4l-9 9"/><path d="M17 14v6H4V7h6"/>',
    "download": '<path d="M12 4v11M7 10.5l5 5 5-5"/><path d="M4 20h16"/>',
    "search": '<circle cx="10.5" cy="10.5" r="6.5"/><path d="m15.5 15.5 5 5"/>',
    "plus": '<path d="M12 5v14M5 12h14"/>',
    "filter": '<path d="M4 6h16M7 12h10M10 18h4"/>',
    "file": '<path d="M6 3h8l5 5v13H6z"/><path d="M14 3v5h5"/>',
    "list": f'<path d="M9 6h11M9 12h11M9 18h11"/><circle cx="4.5" cy="6" r="1" {_DOT}/>'
    f'<circle cx="4.5" cy="12" r="1" {_DOT}/><circle cx="4.5" cy="18" r="1" {_DOT}/>',
}
