// Selecting rows: all on the page, how many, and `x` for the row that has focus. Without it: the boxes and the buttons.
"use strict";
(() => {
  const boxes = () => [...document.querySelectorAll("input[type=checkbox][form=several]")];
  const count = said => {
    const all = boxes(), chosen = all.filter(box => box.checked).length, every = document.querySelector("[data-select-all]");
    if (!every) return;
    every.closest("label").hidden = false;
    every.checked = chosen > 0 && chosen === all.length;
    every.indeterminate = chosen > 0 && chosen < all.length;
    const words = chosen ? `${chosen} of ${all.length} selected` : "Select environments, then";
    const place = document.querySelector("[data-selected]"), announce = document.getElementById("announce");
    if (place.textContent !== words) place.textContent = words;
    if (said && announce) announce.textContent = chosen ? words : "None selected";
  };
  addEventListener("change", event => {
    if (event.target.matches("[data-select-all]")) for (const box of boxes()) box.checked = event.target.checked;
    if (event.target.matches("[data-select-all], [form=several]")) count(true);
  });
  const off = () => { try { return localStorage.getItem("towpath-keys-off") === "1"; } catch { return false; } };
  addEventListener("keydown", event => {
    if (event.key !== "x" || event.ctrlKey || event.metaKey || event.altKey || off() || document.querySelector("dialog[open], :popover-open")) return;
    if (event.target.closest?.("textarea, select, [contenteditable], input:not([type=checkbox])")) return;
    const box = document.activeElement?.closest("tr")?.querySelector("[form=several]");
    if (box) { event.preventDefault(); box.click(); }
  });
  for (const name of ["DOMContentLoaded", "htmx:afterSettle", "towpath:swapped", "pageshow"]) addEventListener(name, () => count(false));
})();
