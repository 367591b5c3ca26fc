// The command palette and the keys. Whatever they do has a link, a button or a form of its own.
"use strict";
(() => {
  const $ = id => document.getElementById(id);
  const OFF = "towpath-keys-off", GO = { b: "/", e: "/environments", r: "/releases" }, SOON = 1200;
  const off = () => { try { return localStorage.getItem(OFF) === "1"; } catch { return false; } };
  const palette = $("palette"), keys = $("keys"), field = palette?.querySelector("input");
  if (!palette) return;

  // ---- The palette: the server finds, the arrows choose
  const open = () => {
    if (palette.open || document.querySelector("dialog[open]")) return;
    palette.showModal(); field.value = ""; field.focus();
    window.htmx?.trigger(field, "opened");
  };
  const hits = () => [...palette.querySelectorAll("[role=option]")];
  const choose = hit => {
    for (const each of hits()) each.setAttribute("aria-selected", each === hit);
    if (!hit) return field.removeAttribute("aria-activedescendant");
    field.setAttribute("aria-activedescendant", hit.id);
    hit.scrollIntoView({ block: "nearest" });
  };
  const chosen = () => palette.querySelector("[aria-selected=true]");
  palette.addEventListener("htmx:afterSettle", () => choose(field.value ? hits()[0] : null));
  palette.addEventListener("click", event => { if (event.target === palette) palette.close(); });
  palette.addEventListener("submit", event => {
    const hit = chosen();
    if (hit) { event.preventDefault(); hit.click(); }
  });
  palette.addEventListener("keydown", event => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const all = hits(), at = all.indexOf(chosen());
    choose(all[(at + step + all.length + (at < 0 && step < 0 ? 1 : 0)) % all.length]);
  });
  addEventListener("click", event => { if (event.target.closest("[data-palette]")) { event.preventDefault(); open(); } });

  // ---- Rows and cells
  const rows = () => [...document.querySelectorAll("main tbody tr:not(.group), main ul.rows > li")].filter(row => row.querySelector("a[href]") && row.checkVisibility());
  const link = row => row.querySelector("th a[href], a[href]");
  const step = by => {
    const all = rows(), at = all.findIndex(row => row.contains(document.activeElement));
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, at + by))];
    if (next) { link(next).focus(); next.scrollIntoView({ block: "nearest" }); }
  };
  const place = () => document.activeElement?.closest("td, tr, li") || document.querySelector("main");
  // In the cell that has focus, else in its row, else on the page.
  const act = selector => {
    const here = place(), found = here.querySelector(selector) || here.closest("tr, li")?.querySelector(selector) || document.querySelector(`main ${selector}`);
    found?.click();
  };
  const PROMOTE = ":is(a.promote, a[href*='kind=deploy'], a[href*='kind=promotion'])", BACK = "a[href*='kind=rollback']";

  let going = 0;
  addEventListener("keydown", event => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") { event.preventDefault(); return open(); }
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || off()) return;
    if (event.target.closest?.("input, textarea, select, [contenteditable]") || document.querySelector("dialog[open], :popover-open")) return;
    if (Date.now() - going < SOON && GO[event.key]) { going = 0; event.preventDefault(); location.href = GO[event.key] + (new URLSearchParams(location.search).get("environment") ? `?environment=${encodeURIComponent(new URLSearchParams(location.search).get("environment"))}` : ""); return; }
    const does = {
      g: () => { going = Date.now(); },
      j: () => step(1), k: () => step(-1),
      p: () => act(PROMOTE), r: () => act(BACK),
      "/": () => { if (!document.querySelector("main [type=search]")) open(); else return false; },
      "?": () => keys.showModal(),
    }[event.key];
    if (does && does() !== false) event.preventDefault();
  });
  const switchOff = keys.querySelector("[data-keys-off]");
  switchOff.checked = off();
  switchOff.addEventListener("change", () => { try { localStorage.setItem(OFF, switchOff.checked ? "1" : "0"); } catch { switchOff.checked = false; } });
  keys.addEventListener("click", event => { if (event.target === keys) keys.close(); });
})();
