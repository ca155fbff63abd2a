// Runs before the first paint, so that a dark page never flashes white. Choice: "light", "dark" or "system".
"use strict";
(() => {
  const root = document.documentElement;
  root.dataset.js = "";
  let choice = null;
  try {
    choice = localStorage.getItem("qfl-theme");
  } catch {
    // Storage may be refused (private windows, policies); the page then follows the system.
  }
  root.dataset.theme = choice === "light" || choice === "dark" ? choice : "system";
})();
