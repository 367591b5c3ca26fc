// Selecting rows: all on the page, how many, `x` for the row that has focus, and what is missing is said before anything
// is sent. Without it: the boxes and the buttons.
"use strict";
(() => {
  const form = () => document.querySelector("form.several");
  const boxes = () => [...document.querySelectorAll("input[type=checkbox]")].filter(box => form() && box.form === form() && box.closest("table"));
  const chosen = () => boxes().filter(box => box.checked).length;
  const count = said => {
    if (!form()) return;
    const every = document.querySelector("[data-select-all]"), all = boxes().length, some = chosen();
    if (every) {
      every.closest("label").hidden = false;
      every.checked = some > 0 && some === all;
      every.indeterminate = some > 0 && some < all;
    }
    const place = document.querySelector("[data-selected]"), announce = document.getElementById("announce");
    const words = some ? `${some} of ${all} selected` : place.dataset.selected;
    if (place.textContent !== words) place.textContent = words;
    if (said && announce) announce.textContent = some ? words : "None selected";
  };
  addEventListener("change", event => {
    if (event.target.matches("[data-select-all]")) for (const box of boxes()) box.checked = event.target.checked;
    if (event.target.matches("[data-select-all]") || boxes().includes(event.target)) count(true);
  });
  const ask = (words, place) => {
    dispatchEvent(new CustomEvent("towpath:said", { detail: words }));
    place?.focus();
  };
  addEventListener("submit", event => {
    if (event.target !== form()) return;
    const some = chosen(), most = Number(form().dataset.most || Infinity), tag = form().elements.tag;
    const untold = some && tag && /tag$/.test(event.submitter?.value) && !tag.value.trim();
    if (some && some <= most && !untold) return;
    event.preventDefault();
    if (untold) ask(tag.dataset.asks, tag);
    else ask(form().dataset.asks, some ? null : boxes()[0]);
  });
  const off = () => { try { return localStorage.getItem("towpath-keys-off") === "1"; } catch { return false; } };
  addEventListener("keydown", event => {
    if (event.key !== "x" || event.ctrlKey || event.metaKey || event.altKey || off() || document.querySelector("dialog[open], :popover-open")) return;
    if (event.target.closest?.("textarea, select, [contenteditable], input:not([type=checkbox])")) return;
    const row = document.activeElement?.closest("tr"), box = boxes().find(one => one.closest("tr") === row);
    if (box) { event.preventDefault(); box.click(); }
  });
  for (const name of ["DOMContentLoaded", "htmx:afterSettle", "towpath:swapped", "pageshow"]) addEventListener(name, () => count(false));
})();
