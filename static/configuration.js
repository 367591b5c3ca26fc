// What the pages of configuration do beyond their HTML: rows of overrides open and close, and what was revealed leaves
// the screen again. Without it: a page that explains the key, and a page that goes away by itself.
"use strict";
(() => {
  const open = new Set(), DOTS = "••••••••";
  const announce = words => { const place = document.getElementById("announce"); if (place) place.textContent = words; };

  // ---- Overrides
  addEventListener("click", event => {
    const button = event.target.closest?.("[data-expands]");
    if (!button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const row = document.getElementById(button.dataset.expands);
    if (!row) return void open.add(button.id);
    // A second click closes it, and asks for nothing.
    event.preventDefault(); event.stopImmediatePropagation();
    row.remove(); open.delete(button.id); button.setAttribute("aria-expanded", "false");
  }, true);
  addEventListener("htmx:afterSettle", () => {
    for (const button of document.querySelectorAll("[data-expands]")) {
      button.setAttribute("aria-expanded", String(Boolean(document.getElementById(button.dataset.expands))));
    }
  });
  // A live update has drawn the table anew: what was open opens again.
  addEventListener("towpath:swapped", () => {
    for (const id of open) {
      const button = document.getElementById(id);
      if (button && !document.getElementById(button.dataset.expands)) window.htmx?.trigger(button, "click");
      if (!button) open.delete(id);
    }
  });

  // ---- Revealed values
  const hide = box => {
    if (!box.isConnected) return;
    const had = box.contains(document.activeElement), dots = document.createElement("code");
    dots.textContent = DOTS; dots.setAttribute("aria-label", "A secret value");
    delete box.dataset.hidesAfter; box.className = "row tight nowraprow"; box.replaceChildren(dots);
    if (had) box.closest("tr, section, main")?.querySelector("form button, a")?.focus();
  };
  const watch = () => {
    for (const box of document.querySelectorAll("[data-hides-after]:not([data-watched])")) {
      box.dataset.watched = "";
      announce(box.dataset.announce);
      setTimeout(() => hide(box), 1000 * box.dataset.hidesAfter);
    }
  };
  addEventListener("htmx:afterSettle", watch);
  addEventListener("click", event => { const box = event.target.closest?.("[data-hide]")?.closest("[data-hides-after]"); if (box) hide(box); });
  // Nothing that was revealed waits in a page that is left.
  addEventListener("pagehide", () => document.querySelectorAll("[data-hides-after]").forEach(hide));

  // ---- Whose values: the whole page is another one
  addEventListener("change", event => {
    const form = event.target.matches?.("[data-sends]") && event.target.form;
    if (!form) return;
    const asked = new URLSearchParams(new FormData(form));
    for (const [name, value] of [...asked]) if (!value && name !== "environment") asked.delete(name);
    location.href = `${form.getAttribute("action")}?${asked}`;
  });
})();
