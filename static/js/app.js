// Behaviour of the design system. Everything works, more plainly, without it; nothing here draws a page.
"use strict";
(() => {
  const announce = (words) => {
    const region = document.getElementById("announcer");
    if (!region) return;
    region.textContent = "";
    // A new text node after a pause, else a screen reader ignores the same words said twice.
    setTimeout(() => { region.textContent = words; }, 60);
  };

  // Words that this file says, in the language of the page.
  const said = (key, english) => document.getElementById("words")?.dataset[key] || english;

  // --- theme -----------------------------------------------------------------------------------------------------
  const setTheme = (choice) => {
    document.documentElement.dataset.theme = choice;
    try {
      localStorage.setItem("qfl-theme", choice);
    } catch {
      // Not kept, but used until the page is left.
    }
  };
  for (const input of document.querySelectorAll("[data-theme-choice] input")) {
    input.checked = input.value === document.documentElement.dataset.theme;
    input.addEventListener("change", () => setTheme(input.value));
  }
  addEventListener("storage", (event) => {
    if (event.key !== "qfl-theme") return;
    document.documentElement.dataset.theme = event.newValue || "system";
    for (const input of document.querySelectorAll("[data-theme-choice] input")) input.checked = input.value === event.newValue;
  });

  // --- side bar and menus ------------------------------------------------------------------------------------------
  const toggle = document.querySelector("[data-nav-toggle]");
  const side = document.getElementById("side");
  const openSide = (open) => {
    side.toggleAttribute("data-open", open);
    toggle.setAttribute("aria-expanded", String(open));
  };
  if (toggle && side) toggle.addEventListener("click", () => openSide(!side.hasAttribute("data-open")));

  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("[data-menu][open]")) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("focusin", (event) => {
    for (const menu of document.querySelectorAll("[data-menu][open]")) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
    for (const menu of document.querySelectorAll("[data-menu][open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
    if (side && side.hasAttribute("data-open")) {
      openSide(false);
      toggle.focus();
    }
  });

  // --- copy, dismiss -----------------------------------------------------------------------------------------------
  document.addEventListener("click", async (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      try {
        await navigator.clipboard.writeText(copy.dataset.copy);
        copy.dataset.copied = "";
        announce(said("copied", "Copied"));
        setTimeout(() => { delete copy.dataset.copied; }, 1500);
      } catch {
        announce("Copying was refused by the browser");
      }
    }
    const dismiss = event.target.closest("[data-dismiss]");
    if (dismiss) {
      dismiss.parentElement.remove();
      document.getElementById("main").focus();
    }
  });

  // --- confirmation: <form data-confirm="…"> and hx-confirm use one dialog --------------------------------------------
  const dialog = document.getElementById("confirm-dialog");
  const ask = (words, { title, action, tone } = {}) =>
    new Promise((resolve) => {
      const yes = dialog.querySelector("[data-confirm-yes]");
      dialog.querySelector("#confirm-title").textContent = title || said("confirm", "Please confirm");
      dialog.querySelector("#confirm-text").textContent = words;
      yes.textContent = action || said("yes", "Confirm");
      yes.className = `button button--${["danger", "halt"].includes(tone) ? tone : "primary"}`;
      dialog.returnValue = "cancel";
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
      dialog.showModal();
      dialog.querySelector("[data-confirm-cancel]").focus();
    });
  if (dialog) {
    document.addEventListener("submit", async (event) => {
      const form = event.target;
      if (!form.dataset.confirm || form.dataset.confirmed !== undefined) return;
      event.preventDefault();
      event.stopPropagation();
      const submitter = event.submitter;
      const data = form.dataset;
      if (await ask(data.confirm, { title: data.confirmTitle, action: data.confirmAction, tone: data.confirmTone })) {
        form.dataset.confirmed = "";
        form.requestSubmit(submitter);
        delete form.dataset.confirmed;
      }
    }, true);
    document.addEventListener("htmx:confirm", async (event) => {
      if (!event.detail.question) return;
      event.preventDefault();
      const data = event.detail.elt.dataset;
      if (await ask(event.detail.question, { title: data.confirmTitle, action: data.confirmAction, tone: data.confirmTone })) {
        event.detail.issueRequest(true);
      }
    });
  }

  // --- forms: after a refusal, the summary of errors speaks first -----------------------------------------------------
  const summary = document.querySelector("[data-error-summary]");
  if (summary) summary.focus();

  // --- long texts outlive an expired session or a lost connection: kept in this tab until they are saved ----------------
  for (const form of document.querySelectorAll("form[data-keep]")) {
    const key = `qfl-${form.dataset.keep}`;
    const base = form.elements.base ? form.elements.base.value : "";
    const areas = [...form.querySelectorAll("textarea")];
    try {
      const kept = JSON.parse(sessionStorage.getItem(key) || "null");
      // On another edition they were saved since, or overtaken: then the page is right.
      if (kept && kept.base === base) {
        let changed = false;
        for (const area of areas) {
          if (typeof kept.texts[area.name] !== "string" || kept.texts[area.name] === area.value) continue;
          area.value = kept.texts[area.name];
          changed = true;
        }
        if (changed) announce("What you typed earlier and did not save is back in the form");
      } else sessionStorage.removeItem(key);
      form.addEventListener("input", () => {
        const texts = Object.fromEntries(areas.map((area) => [area.name, area.value]));
        sessionStorage.setItem(key, JSON.stringify({ base, texts }));
      });
      for (const leave of form.querySelectorAll("[data-keep-forget]")) {
        leave.addEventListener("click", () => sessionStorage.removeItem(key));
      }
    } catch {
      // Storage is refused: the form works without it.
    }
  }

  // --- scroll regions take a tab stop only while there is something to scroll ------------------------------------------
  const fitRegions = () => {
    for (const region of document.querySelectorAll("[data-scroll-region]")) {
      const scrolls = region.scrollWidth > region.clientWidth + 1 || region.scrollHeight > region.clientHeight + 1;
      if (scrolls) region.setAttribute("tabindex", "0");
      else if (region !== document.activeElement) region.removeAttribute("tabindex");
    }
  };
  fitRegions();
  addEventListener("resize", fitRegions);
  document.addEventListener("htmx:afterSwap", fitRegions);
  document.addEventListener("toggle", fitRegions, true);

  // --- a page that is being left is redrawn no more: it would call its own answer, and the message in it, back ----------
  let leaving = 0;
  addEventListener("submit", (event) => { if (!event.defaultPrevented) leaving = Date.now() + 5000; });
  for (const name of ["htmx:beforeRequest", "htmx:beforeOnLoad"]) {
    document.addEventListener(name, (event) => { if (Date.now() < leaving) event.preventDefault(); });
  }

  // --- failed htmx requests are said, not swallowed ---------------------------------------------------------------------
  const complain = (words) => {
    const area = document.getElementById("messages");
    if (!area) return;
    for (const old of area.querySelectorAll("[data-from-script]")) old.remove();
    const box = document.createElement("div");
    box.className = "message tone-fail";
    box.dataset.fromScript = "";
    const text = document.createElement("p");
    text.textContent = words;
    box.append(text);
    area.append(box);
  };
  document.addEventListener("htmx:responseError", (event) => {
    const { status } = event.detail.xhr;
    const id = event.detail.xhr.getResponseHeader("X-Request-ID");
    const why = status === 403 ? "Your role does not permit this, or the page is too old" : `The service refused or failed (${status})`;
    complain(`${why}. Reload the page to see the present state.${id ? ` Request ${id}.` : ""}`);
  });
  document.addEventListener("htmx:sendError", () => complain("The service cannot be reached. Check the connection and try again."));

  // --- live regions --------------------------------------------------------------------------------------------------
  // A browser opens six connections per origin over HTTP/1.1, so a hidden tab must give its stream back. This stands in
  // for EventSource: it keeps its listeners while the stream is closed, and resumes after the last event it saw.
  class PausableSource {
    constructor(url) {
      this.url = url;
      this.listeners = [];
      this.lastId = "";
      this.ended = false;
      this.open();
    }

    get readyState() {
      return this.native ? this.native.readyState : EventSource.CONNECTING;
    }

    open() {
      if (this.ended || this.native) return;
      const url = new URL(this.url, location.href);
      if (this.lastId) url.searchParams.set("last_event_id", this.lastId);
      this.native = new EventSource(url, { withCredentials: true });
      this.native.onopen = (event) => this.onopen && this.onopen(event);
      this.native.onerror = (event) => {
        // Refused for good: htmx will ask for a new source after a while, and this one must not come back beside it.
        if (this.native && this.native.readyState === EventSource.CLOSED) {
          this.ended = true;
          sources.delete(this);
        }
        if (this.onerror) this.onerror(event);
      };
      for (const [type, listener] of this.listeners) this.native.addEventListener(type, listener);
    }

    addEventListener(type, handler) {
      const listener = (event) => {
        if (event.lastEventId) this.lastId = event.lastEventId;
        handler(event);
      };
      this.listeners.push([type, listener, handler]);
      if (this.native) this.native.addEventListener(type, listener);
    }

    removeEventListener(type, handler) {
      for (const [kind, listener] of this.listeners.filter((row) => row[0] === type && row[2] === handler)) {
        if (this.native) this.native.removeEventListener(kind, listener);
      }
      this.listeners = this.listeners.filter((row) => row[0] !== type || row[2] !== handler);
    }

    pause() {
      if (this.native) this.native.close();
      this.native = null;
    }

    close() {
      this.ended = true;
      this.pause();
      sources.delete(this);
    }
  }

  const sources = new Set();
  const regionOf = (source) => [...document.querySelectorAll("[data-live]")].find((region) => region.source === source);
  const words = { live: "Live", paused: "Paused", connecting: "Connecting", broken: "Connection lost, trying again" };
  const showState = (region, state) => {
    const label = region && region.querySelector("[data-live-state]");
    if (!label || label.dataset.state === state) return;
    label.dataset.state = state;
    const shown = label.querySelector("[data-live-words]");
    shown.textContent = shown.dataset[state] || words[state];
  };

  if (window.htmx) {
    window.htmx.createEventSource = (url) => {
      const source = new PausableSource(url);
      sources.add(source);
      return source;
    };
  }
  document.addEventListener("htmx:sseOpen", (event) => {
    const region = event.target.closest("[data-live]");
    if (!region) return;
    region.source = event.detail.source;
    showState(region, "live");
  });
  document.addEventListener("htmx:sseError", (event) => showState(event.target.closest("[data-live]"), "broken"));
  document.addEventListener("visibilitychange", () => {
    for (const source of sources) {
      const region = regionOf(source);
      if (document.hidden) source.pause();
      else if (!region || region.dataset.paused === undefined) source.open();
    }
  });
  // What a reader has opened stays open, and keeps the focus, when the region around it is fetched again. Each is known by
  // the words of its summary, which name the chart.
  const wordsOf = (details) => details.querySelector("summary")?.textContent.trim();
  const opened = new Set();
  let focused = "";
  const folded = "#live-part details, #live-history details";
  document.addEventListener("htmx:beforeSwap", () => {
    opened.clear();
    document.querySelectorAll(folded).forEach((item) => { if (item.open) opened.add(wordsOf(item)); });
    const summary = document.activeElement?.closest?.("summary");
    focused = summary ? wordsOf(summary.parentElement) : "";
  });
  document.addEventListener("htmx:afterSettle", () => {
    for (const item of document.querySelectorAll(folded)) {
      if (opened.has(wordsOf(item))) item.open = true;
      if (focused && focused === wordsOf(item) && document.activeElement === document.body) item.querySelector("summary").focus();
    }
  });
  // A paused region is not refreshed by its fallback poll either.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const region = event.target.closest("[data-live][data-paused]");
    if (region && event.target.matches("[hx-trigger]")) event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-live-toggle]");
    if (!button) return;
    const region = button.closest("[data-live]");
    const pause = region.dataset.paused === undefined;
    region.toggleAttribute("data-paused", pause);
    button.setAttribute("aria-pressed", String(pause));
    if (pause) {
      if (region.source) region.source.pause();
      showState(region, "paused");
    } else {
      showState(region, "connecting");
      if (region.source) region.source.open();
    }
    announce(pause ? said("paused", "Updates paused") : said("resumed", "Updates resumed"));
  });
})();
