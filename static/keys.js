// The command palette and the keys. Whatever they do has a link, a button or a form of its own.
"use strict";
(() => {
  const $ = id => document.getElementById(id);
  const OFF = "towpath-keys-off", GO = { b: "/", c: "/configuration", e: "/environments", r: "/releases" }, SOON = 1200;
  const off = () => { try { return localStorage.getItem(OFF) === "1"; } catch { return false; } };
  const palette = $("palette"), keys = $("keys"), field = palette?.querySelector("[name=q]");
  if (!palette) return;

  // ---- The palette: the server finds, the arrows choose
  const open = () => {
    if (palette.open || document.querySelector("dialog[open]")) return;
    palette.showModal(); field.value = ""; choose(null); field.focus();
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
  // What was found for other words than those that stand there is no choice: Enter then asks the server on a page.
  const found = () => $("hits").dataset.words === field.value;
  field.addEventListener("input", () => choose(null));
  palette.addEventListener("htmx:afterSettle", () => choose(field.value && found() ? hits()[0] : null));
  palette.addEventListener("click", event => { if (event.target === palette) palette.close(); });
  palette.addEventListener("submit", event => {
    const hit = chosen();
    if (hit) { event.preventDefault(); hit.click(); }
  });
  palette.addEventListener("keydown", event => {
    // A search field would take the key to empty itself.
    if (event.key === "Escape" && !event.isComposing) { event.preventDefault(); return palette.close(); }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const all = hits(), at = all.indexOf(chosen());
    if (all.length) choose(all[(at + step + all.length + (at < 0 && step < 0 ? 1 : 0)) % all.length]);
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
  // In the board's cell or the row that has focus, else on the page; never one of several, which nobody has chosen.
  const act = (selector, nothing) => {
    const at = document.activeElement, cell = at?.closest(".matrix td"), row = at?.closest("tr, li");
    for (const place of cell ? [cell] : row ? [at.closest("td, th"), row] : [document.querySelector("main")]) {
      const all = place ? [place, ...place.querySelectorAll("*")].filter(one => one.matches(selector) && one.checkVisibility()) : [];
      const ahead = all.filter(one => !one.matches(AGAIN)), few = all.includes(at) ? [at] : ahead.length ? ahead : all;
      if (few.length > 1) return say("There are several here: go to one of them with j and k or the arrow keys.");
      if (few.length) return plan(few[0]);
    }
    say(nothing);
  };
  const plan = found => {
    // A cell of the board, which holds too many of them to write an address into each.
    const back = found.dataset.back && `${found.closest("[data-rollback]").dataset.rollback}&app=${found.closest("tr").id.slice(2)}&environment_id=${found.dataset.back}`;
    if (!back) found.click();
    else if (window.htmx) window.htmx.ajax("GET", back, { target: "#sheet", source: found });
    else location.href = back;
  };
  const say = words => dispatchEvent(new CustomEvent("towpath:said", { detail: words }));
  const PROMOTE = ":is(a.promote, a[href*='kind=deploy'], a[href*='kind=promotion'])", BACK = ":is(a[href*='kind=rollback'], td[data-back])";
  // What runs is deployed again by the same key where nothing newer waits, or where one has gone to it.
  const AGAIN = "a[href*='kind=redeploy']";
  const TYPING = "input:not([type=checkbox], [type=radio], [type=submit], [type=button]), textarea, select, [contenteditable]";
  const MAC = /mac/i.test(navigator.userAgentData?.platform || navigator.platform);
  const go = at => {
    const chosen = new URLSearchParams(location.search).get("environment");
    location.href = at + (chosen === null ? "" : `?environment=${encodeURIComponent(chosen)}`);
  };

  let going = 0;
  addEventListener("keydown", event => {
    if (event.defaultPrevented || event.isComposing || off()) return;
    // With the one of the two keys that edits no text on this system.
    if ((MAC ? event.metaKey && !event.ctrlKey : event.ctrlKey && !event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") { event.preventDefault(); return open(); }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.(TYPING) || document.querySelector("dialog[open], :popover-open")) return;
    const soon = Date.now() - going < SOON;
    going = 0;
    if (soon && GO[event.key]) { event.preventDefault(); return go(GO[event.key]); }
    const does = {
      g: () => { going = Date.now(); },
      j: () => step(1), k: () => step(-1),
      p: () => act(PROMOTE, "There is nothing to deploy or promote here."),
      r: () => act(BACK, "There is nothing to roll back here."),
      "/": () => { const search = document.querySelector("main [type=search]"); if (search) search.focus(); else open(); },
      "?": () => keys.showModal(),
    }[event.key];
    if (does) { event.preventDefault(); does(); }
  });
  const switchOff = keys.querySelector("[data-keys-off]");
  switchOff.checked = off();
  switchOff.addEventListener("change", () => { try { localStorage.setItem(OFF, switchOff.checked ? "1" : "0"); } catch { switchOff.checked = false; } });
  keys.addEventListener("click", event => { if (event.target === keys) keys.close(); });
  // Who has turned them off needs another way to the list.
  addEventListener("click", event => {
    const button = event.target.closest("[data-shortcuts]");
    if (!button) return;
    button.closest("[popover]")?.hidePopover();
    keys.showModal();
  });
})();
