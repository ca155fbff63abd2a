// A form is sent once, and what was typed outlives a session that ended meanwhile.
"use strict";
(() => {
  const KEY = "qfl-sent"; // the last form that was sent, until it is known that it arrived
  const AGAIN_MS = 8000; // for a form whose answer is a file: the page stays
  const viewer = document.body.dataset.viewer || "";

  // --- a double click sends once ------------------------------------------------------------------------------------
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    if (form.dataset.sent !== undefined) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "";
    form.setAttribute("aria-busy", "true");
    setTimeout(() => release(form), AGAIN_MS);
    keep(form);
  });
  const release = (form) => {
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
  };
  // Back in the browser's history: the page is as it was left, and may be sent again.
  addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach(release));

  // --- an expired session loses nothing -------------------------------------------------------------------------------
  const typed = (form) => [...form.elements].filter((field) =>
    field.name && !["hidden", "password", "file", "submit", "button"].includes(field.type) && field.autocomplete !== "one-time-code");
  const identity = (form) => `${location.pathname} ${form.getAttribute("action") || ""} ${[...document.forms].indexOf(form)}`;

  const keep = (form) => {
    if (!viewer) return;
    const values = typed(form).map((field) =>
      [field.name, field.value, ["checkbox", "radio"].includes(field.type) ? field.checked : null,
        [...(field.selectedOptions || [])].map((option) => option.value)]);
    store({ viewer, form: identity(form), values });
  };
  const store = (what) => {
    try {
      if (what) sessionStorage.setItem(KEY, JSON.stringify(what));
      else sessionStorage.removeItem(KEY);
    } catch {
      // Storage is refused or full: the form is sent all the same.
    }
  };
  const kept = () => {
    try {
      return JSON.parse(sessionStorage.getItem(KEY) || "null");
    } catch {
      return null;
    }
  };

  const restore = (what) => {
    const form = [...document.forms].find((one) => identity(one) === what.form);
    if (!form) return;
    for (const field of typed(form)) {
      const found = what.values.find(([name, value, on]) => name === field.name && (on === null || value === field.value));
      if (!found) continue;
      if (field.multiple) for (const option of field.options) option.selected = found[3].includes(option.value);
      else if (found[2] === null) field.value = found[1];
      else field.checked = found[2];
    }
    const told = document.getElementById("messages");
    if (!told) return;
    const box = document.createElement("div");
    box.className = "message tone-info";
    const words = document.createElement("p");
    words.textContent = document.getElementById("words").dataset.restored;
    box.append(words);
    told.append(box);
    form.scrollIntoView({ block: "nearest" });
  };

  // The page of signing in comes in the place of an answer: what was sent has not arrived, and waits for its author.
  const found = kept();
  if (!found) return;
  if (document.querySelector("[data-sign-in]")) store({ ...found, waits: true });
  else if (!viewer) return;
  else {
    store(null);
    if (found.waits && found.viewer === viewer) restore(found);
  }
})();
