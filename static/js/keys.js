// Keyboard shortcuts: / searches, ? lists them, g and a letter goes somewhere, arrows walk through results.
// Single keys can be turned off (WCAG 2.1.4): then <body> has no data-shortcuts.
"use strict";
(() => {
  const places = { h: "home", i: "inbox", m: "models", d: "deployments", a: "approvals", l: "ledger" };
  const sheet = document.getElementById("shortcuts-dialog");
  const find = document.querySelector("[data-find]");
  let waiting = 0; // for the letter after g

  const typing = (element) => element.closest("input, textarea, select, [contenteditable]");
  const addressOf = (name) => (name === "inbox" ? ".inbox-link" : `.side__list a[data-place="${name}"]`);

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const results = [...document.querySelectorAll("[data-result]")];
    const walks = event.key === "ArrowDown" || event.key === "ArrowUp";
    if (walks && results.length && (event.target === find || results.includes(event.target))) {
      event.preventDefault();
      const next = results.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1);
      (next < 0 ? find : results[Math.min(next, results.length - 1)]).focus();
      return;
    }
    if (document.body.dataset.shortcuts === undefined || typing(event.target) || document.querySelector("dialog[open]")) return;
    if (waiting && event.timeStamp - waiting < 1500) {
      waiting = 0;
      const link = places[event.key] && document.querySelector(addressOf(places[event.key]));
      if (link) {
        event.preventDefault();
        link.click();
      }
      return;
    }
    waiting = event.key === "g" ? event.timeStamp : 0;
    if (event.key === "/" && find) {
      event.preventDefault();
      find.focus();
      find.select();
    } else if (event.key === "?" && sheet) {
      event.preventDefault();
      sheet.showModal();
    }
  });
})();
