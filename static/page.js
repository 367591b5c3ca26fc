// What every page does beyond its HTML: theme, sheet, copy, toasts, and arrow keys on the board.
// Everything here has a way without it: links, forms and reloading.
"use strict";
(() => {
  const root = document.documentElement;
  const $ = id => document.getElementById(id);
  const announce = text => { const place = $("announce"); if (place) place.textContent = text; };

  // Theme: kept in a cookie, so that the server draws the next page in it.
  addEventListener("submit", event => {
    const form = event.target;
    if (!form.matches("[data-theme-form]")) return;
    event.preventDefault();
    const dark = getComputedStyle(root).colorScheme.includes("light dark")
      ? matchMedia("(prefers-color-scheme: dark)").matches : root.dataset.theme === "dark";
    root.dataset.theme = dark ? "light" : "dark";
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `theme=${root.dataset.theme}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
  });

  // Where not all places fit beside each other, the one that is open is in sight.
  const here = document.querySelector(".topbar nav [aria-current]");
  if (here) here.parentElement.scrollLeft = here.offsetLeft - here.parentElement.offsetLeft - 48;

  // Controls that need script are hidden until it runs.
  const reveal = where => {
    for (const control of where.querySelectorAll("[data-copy][hidden], [data-dismiss][hidden]")) control.hidden = false;
  };
  const toast = (text, bad = true) => {
    const box = document.createElement("div"), words = document.createElement("p");
    box.className = bad ? "toast is-bad" : "toast"; box.dataset.toast = ""; words.textContent = text; box.append(words);
    $("toasts")?.append(box); settle(box); announce(text);
  };
  // What is being read or reached for stays. What can be undone has no time limit: it stays until it is dismissed, or
  // until three newer ones stand there.
  const MOST_KEPT = 3;
  const settle = box => {
    const leave = () => { if (box.matches(":hover, :focus-within")) setTimeout(leave, 2000); else box.remove(); };
    if (!box.querySelector("form")) return setTimeout(leave, box.matches(".is-bad") ? 20000 : 8000);
    for (const old of [...document.querySelectorAll("[data-toast]:has(form)")].slice(0, -MOST_KEPT)) {
      if (!old.matches(":hover, :focus-within")) old.remove();
    }
  };

  // What is wrong in a part that is folded away is shown, or the form would do nothing and not say why.
  addEventListener("invalid", event => { const folded = event.target.closest("details"); if (folded) folded.open = true; }, true);

  addEventListener("click", async event => {
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      const text = copy.dataset.copy || copy.previousElementSibling.textContent;
      try { await navigator.clipboard.writeText(text); announce("Copied"); } catch {
        const range = document.createRange(); range.selectNodeContents(copy.previousElementSibling);
        getSelection().removeAllRanges(); getSelection().addRange(range);
        announce("Selected. Copy it with your keyboard.");
      }
    }
    const told = event.target.closest("[data-dismiss]")?.closest("[data-toast]");
    if (told) { told.remove(); regain(); }
    const close = event.target.closest("[data-close-sheet]");
    if (close && close.closest("dialog")) { event.preventDefault(); close.closest("dialog").close(); }
    const sheet = $("sheet");
    if (sheet && event.target === sheet) sheet.close();
  });

  const reach = cell => cell?.querySelector("a.state, a.app") || cell?.querySelector("a, button");
  // Where focus goes when what had it is gone: to the name of what it was about, never to the top of the page.
  const regain = place => {
    if (document.activeElement && document.activeElement !== document.body) return;
    const name = place?.querySelector("th a, h1, h2, h3") || document.querySelector("main h1") || $("board");
    if (name && name.tabIndex < 0 && !name.hasAttribute("tabindex")) {
      name.tabIndex = -1;
      name.addEventListener("blur", () => name.removeAttribute("tabindex"), { once: true });
    }
    name?.focus({ preventScroll: true });
  };
  let held = null;
  addEventListener("htmx:beforeSwap", event => {
    const { target, requestConfig } = event.detail;
    // A button that was switched off while it waited has lost focus already.
    const at = document.activeElement === document.body ? requestConfig?.elt : document.activeElement;
    held = target?.contains(at) ? { id: at.id } : null;
  });
  addEventListener("htmx:afterSettle", event => {
    if (!held || event.detail.target === $("sheet")) return;
    if (held.id) $(held.id)?.focus();
    held = null;
    regain(event.target);
  });

  // The sheet: what is swapped into it opens it; focus returns to where it came from. It has a place in the history,
  // so that going back closes it.
  let cameFrom = null, closing = false;
  addEventListener("htmx:afterSwap", event => {
    const sheet = $("sheet");
    for (const box of document.querySelectorAll("[data-toast]:not([data-seen])")) { box.dataset.seen = ""; settle(box); }
    if (event.detail.target === sheet && sheet.open && !sheet.childElementCount) sheet.close();
  });
  // Not before its forms are htmx's: whoever types fast would send them the plain way, and leave the page.
  addEventListener("htmx:afterSettle", event => {
    const sheet = $("sheet");
    if (event.detail.target !== sheet) return;
    if (!sheet.open && sheet.childElementCount) {
      const from = document.activeElement;
      const cell = from?.closest(".matrix td");
      cameFrom = { from, id: from?.id, cell: cell ? [...cell.parentElement.children].indexOf(cell) : -1, place: from?.closest("tr[id], section[id], header[id], [data-live][id]")?.id };
      sheet.showModal();
      history.pushState({ sheet: true }, "");
    }
    const first = sheet.querySelector("[autofocus]") || sheet.querySelector("h2[tabindex]");
    first?.focus();
  });
  addEventListener("htmx:load", event => reveal(event.target));
  addEventListener("towpath:swapped", event => {
    reveal(event.target);
    if (event.detail.focused) regain(event.target);
  });
  addEventListener("close", event => {
    if (event.target !== $("sheet")) return;
    event.target.replaceChildren();
    if (history.state?.sheet) { closing = true; history.back(); }
    const { from, id, cell, place } = cameFrom;
    // The browser tells of it a moment after closing: whoever has moved on meanwhile stays there.
    if (![document.body, event.target, from].includes(document.activeElement)) return;
    // What it came from may have been drawn anew, or be gone with what was done: then the cell, then the row has it.
    (id ? $(id) : from?.isConnected && from || reach($(place)?.children[cell]))?.focus();
    if (document.activeElement === document.body) reach($(place)?.children[cell])?.focus();
    regain($(place));
  }, true);
  // A page that was left with its sheet open and is loaded again has none: it goes on from the place before the sheet's.
  if (history.state?.sheet) { closing = true; history.back(); }
  // The page is the same on both sides of the sheet's place in the history: nothing is there to be fetched.
  addEventListener("popstate", event => {
    const sheet = $("sheet");
    if (!closing && !sheet?.open) return;
    event.stopImmediatePropagation();
    if (closing) { closing = false; return; }
    sheet.close();
  }, true);
  addEventListener("sheet:close", () => $("sheet")?.close());

  const refused = answer => {
    if (!answer.responseText.includes("data-refused")) return "";
    const part = new DOMParser().parseFromString(answer.responseText, "text/html");
    return part.querySelector("[data-refused]")?.textContent.trim() || "";
  };
  // A refusal that belongs to no place on the page is a toast; a form that explains itself is swapped in as it is.
  addEventListener("htmx:beforeSwap", event => {
    const sentence = refused(event.detail.xhr);
    if (sentence) { event.detail.shouldSwap = false; toast(sentence); }
  });

  // What the server refuses or cannot answer is said, never swallowed.
  addEventListener("htmx:responseError", event => {
    const answer = event.detail.xhr, sentence = refused(answer);
    if (sentence) return;
    toast(answer.status === 403 ? "You do not have the right to do this."
      : answer.status === 404 ? "This is no longer there." : "The control plane could not answer. Try again.");
  });
  addEventListener("towpath:said", event => toast(event.detail, false));
  addEventListener("htmx:sendError", () => toast("The control plane cannot be reached. Try again."));

  addEventListener("keydown", event => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key === "Escape" && typing?.type === "search" && typing.value === "") typing.blur();
    if (event.key.startsWith("Arrow") && !typing) walk(event);
  });

  // Arrow keys move between the board's cells.
  const walk = event => {
    const here = document.activeElement?.closest(".matrix td, .matrix tbody th");
    const board = document.activeElement?.closest(".board");
    if (!board) return;
    if (!here) {
      if (document.activeElement !== board || event.key === "ArrowLeft" || event.key === "ArrowUp") return;
      const first = reach(board.querySelector(".matrix tbody tr:not(.group) th"));
      if (first) { event.preventDefault(); first.focus(); }
      return;
    }
    const rows = [...board.querySelectorAll(".matrix tbody tr:not(.group)")].filter(row => row.checkVisibility());
    const row = here.parentElement, at = rows.indexOf(row), column = [...row.children].indexOf(here);
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    let [y, x] = [at, column];
    for (;;) {
      y += step[0]; x += step[1];
      const cell = rows[y]?.children[x];
      if (!cell) return;
      const target = reach(cell);
      if (target) { event.preventDefault(); target.focus(); return; }
    }
  };

  // Durations of what still goes on, and ages, count on in text alone: nothing is announced and nothing asked for.
  const DAY = 86400, begun = new WeakMap();
  const duration = seconds => {
    const whole = Math.max(0, Math.floor(seconds));
    if (seconds > 0 && seconds < 9.95) return `${seconds.toFixed(1)}s`;
    if (whole < 60) return `${whole}s`;
    if (whole < 3600) return whole % 60 ? `${Math.floor(whole / 60)}m ${whole % 60}s` : `${whole / 60}m`;
    return `${Math.floor(whole / 3600)}h ${Math.floor(whole % 3600 / 60)}m`;
  };
  const age = seconds => seconds < 60 ? "now" : seconds < 3600 ? `${Math.floor(seconds / 60)}m`
    : seconds < 2 * DAY ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / DAY)}d`;
  const ago = short => short === "now" ? "just now" : `${short} ago`;
  const count = () => {
    for (const box of document.querySelectorAll("time[data-elapsed]")) {
      if (!begun.has(box)) begun.set(box, performance.now() - 1000 * box.dataset.elapsed);
      const words = duration((performance.now() - begun.get(box)) / 1000);
      if (box.textContent !== words) box.textContent = words;
    }
    for (const box of document.querySelectorAll("time[datetime][title]:not([data-elapsed])")) {
      const seconds = (Date.now() - Date.parse(box.dateTime)) / 1000;
      const words = since => { const short = age(since); return "short" in box.dataset ? short : ago(short); };
      // Where this machine's clock does not agree with the server's at first sight, the server's word stays: but for
      // the seconds between the server's look and this one.
      if (!begun.has(box)) begun.set(box, [seconds, seconds - 5].some(since => words(since) === box.textContent));
      else if (begun.get(box) && box.textContent !== words(seconds)) box.textContent = words(seconds);
    }
  };
  setInterval(() => { if (!document.hidden) count(); }, 1000);

  addEventListener("DOMContentLoaded", () => {
    reveal(document.body);
    const told = [...document.querySelectorAll("[data-toast]")];
    for (const box of told) { box.dataset.seen = ""; settle(box); }
    // A live region that is filled when the page comes is not read out.
    const words = told.map(box => box.querySelector("p").textContent).join(" ");
    if (words) setTimeout(() => announce(words), 150);
  });
})();
