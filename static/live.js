// Keeps an open page true without reloading it. The stream tells what changed, by ids; the page fetches anew the pieces
// that show it. What is written to logs travels in streams of their own, see tails.js.
//
// A piece is an element with data-src, the address of the piece alone, and data-live, the subjects it shows:
// `environment:1 app:2` is told of either, `environment:1+app:2` only of changes to both, `run:*` of any run.
// Without this script, reloading does the same.
"use strict";
(() => {
  const address = document.body.dataset.stream;
  if (!address || !window.EventSource) return;
  const SILENT = 30000, HIDDEN = 30000, POLL = 10000, AGAIN = 1500, SLOWEST = 15000, AT_ONCE = 3, APART = 400;
  let since = document.querySelector("meta[name=towpath-live]")?.content || "";
  let source = null, heard = Date.now(), known = Date.now(), polled = 0, pause = AGAIN, state = "", over = "", hiding = 0, retrying = 0;

  const tell = (name, detail) => dispatchEvent(new CustomEvent(`towpath:${name}`, { detail }));

  // ---- The stream
  const connect = () => {
    clearTimeout(retrying);
    if (source || over || document.hidden && state === "Paused") return;
    source = new EventSource(since ? `${address}?since=${encodeURIComponent(since)}` : address);
    for (const kind of ["ready", "beat", "change"]) source.addEventListener(kind, hear);
    source.addEventListener("change", event => touch(JSON.parse(event.data)));
    source.addEventListener("reset", event => { hear(event); begin(); });
    source.addEventListener("end", event => finish(event.data));
    source.onerror = () => {
      show("Reconnecting");
      if (source?.readyState === EventSource.CLOSED) again();
    };
  };
  const hear = event => {
    heard = known = Date.now(); pause = AGAIN;
    if (event.lastEventId) since = event.lastEventId;
    show("Live");
    if (waiting.size) pump();
  };
  const close = () => { source?.close(); source = null; };
  const again = () => {
    close(); clearTimeout(retrying);
    retrying = setTimeout(connect, pause * (0.75 + Math.random() / 2));
    pause = Math.min(pause * 2, SLOWEST);
  };
  // The log cannot tell what was missed, so the page is drawn anew, unless somebody is in the middle of something.
  const begin = () => {
    let last = 0;
    try { last = Number(sessionStorage.getItem("towpath-drawn") || 0); sessionStorage.setItem("towpath-drawn", Date.now()); } catch { last = Date.now(); }
    if (Date.now() - last > 10000 && !document.querySelector("dialog[open], :popover-open") && !typing(document)) location.reload();
    else touchAll();
  };
  const finish = why => { over = why || "ended"; close(); tell("resting", true); show("Paused"); };

  setInterval(() => {
    if (over || document.hidden && state === "Paused") return;
    const silent = Date.now() - heard;
    if (silent > SILENT) {
      show("Reconnecting");
      if (source?.readyState === EventSource.OPEN) again();
      if (Date.now() - polled > POLL) { polled = Date.now(); touchAll(); }
    }
    paint();
  }, 5000);
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(rest, HIDDEN);
    else wake();
  });
  const rest = () => { close(); clearTimeout(retrying); tell("resting", true); show("Paused"); };
  const wake = () => { if (!source && !over) { heard = Date.now(); show("Reconnecting"); connect(); tell("resting", false); } };
  addEventListener("pagehide", rest);
  addEventListener("pageshow", event => { if (event.persisted) wake(); });

  // ---- What the page says about itself
  const LOOKS = { Live: ["live is-ok", "#s-disc"], Reconnecting: ["live", "#s-dashed"], Paused: ["live", "#s-pause"] };
  const show = now => { if (now !== state) { state = now; paint(); } };
  const paint = () => {
    if (!state) return;
    const [look, shape] = LOOKS[state] || LOOKS.Reconnecting, age = Math.round((Date.now() - known) / 1000);
    const words = over ? `· ${over}` : state === "Live" ? "" : `· as of ${age < 90 ? `${age} s` : `${Math.round(age / 60)} min`} ago`;
    for (const box of document.querySelectorAll("[data-live-status]")) {
      box.hidden = false; box.className = look; box.title = over;
      box.querySelector("use")?.setAttribute("href", shape);
      const word = box.querySelector("b"), when = box.querySelector("[data-live-age]");
      if (word && word.textContent !== state) word.textContent = state;
      if (when) when.textContent = words;
    }
    document.documentElement.dataset.liveState = state.toLowerCase();
  };

  // ---- Pieces: which, and fetching them
  // A tag belongs to what one element shows: what somebody else has put in its place has none.
  const etags = new WeakMap(), waiting = new Set(), inFlight = new Set(), asked = new Map();
  let broken = 0, soon = 0;
  const pieces = () => document.querySelectorAll("[data-live][data-src]");
  const any = (subject, subjects) => subject.endsWith("*") && subjects.some(each => each.startsWith(subject.slice(0, -1)));
  const touch = subjects => {
    const told = new Set(subjects);
    for (const piece of pieces())
      if (piece.dataset.live.split(/\s+/).some(one => one && one.split("+").every(subject => told.has(subject) || any(subject, subjects)))) waiting.add(piece.dataset.src);
    tell("changed", subjects);
    pump();
  };
  const touchAll = () => { for (const piece of pieces()) waiting.add(piece.dataset.src); pump(); };
  // The first change is shown at once; many in a row cost one look every moment.
  const pump = () => {
    let least = Infinity;
    clearTimeout(soon);
    for (const src of waiting) {
      if (inFlight.size >= AT_ONCE) return;
      const rest = (asked.get(src) || 0) + APART - Date.now();
      if (rest > 0) { least = Math.min(least, rest); continue; }
      if (inFlight.has(src)) continue;
      waiting.delete(src); inFlight.add(src); asked.set(src, Date.now());
      fetchPiece(src).catch(() => later(src)).finally(() => { inFlight.delete(src); if (!broken) pump(); });
    }
    if (least < Infinity) soon = setTimeout(pump, least);
  };
  const later = src => {
    waiting.add(src);
    broken ||= setTimeout(() => { broken = 0; pump(); }, 2000 + Math.random() * 1000);
  };
  const tag = piece => etags.get(piece) || (piece.dataset.etag ? `"${piece.dataset.etag.replace(/^W\/|"/g, "")}"` : "");
  const showing = src => [...pieces()].filter(piece => piece.dataset.src === src);
  const fetchPiece = async src => {
    const shown = showing(src);
    if (!shown.length) return;
    const headers = { "Towpath-Live": "1" }, tags = new Set(shown.map(tag));
    if (tags.size === 1 && !tags.has("")) headers["If-None-Match"] = [...tags][0];
    const answer = await fetch(src, { headers, cache: "no-store", redirect: "manual", credentials: "same-origin" });
    if (answer.type === "opaqueredirect" || answer.status === 401 || answer.headers.get("HX-Redirect")) return finish("signed out; reload to sign in");
    if (state === "Reconnecting" && answer.status < 400) known = Date.now();
    if (answer.status === 304) return;
    if (answer.status === 404 || answer.status === 410) { shown.forEach(vanish); return; }
    if (!answer.ok) throw new Error(answer.status);
    const html = await answer.text();
    const etag = answer.headers.get("ETag");
    for (const piece of shown) {
      const now = piece.isConnected ? swap(piece, html) : null;
      if (now && etag) etags.set(now, etag);
    }
  };

  // ---- Pieces: putting the new one in place
  const fresh = html => { const box = document.createElement("template"); box.innerHTML = html.trim(); return box.content.firstElementChild; };
  // What scripts and time did to the old one is no difference.
  const plain = (piece, times) => {
    const copy = piece.cloneNode(true);
    for (const box of [copy, ...copy.querySelectorAll("*")]) {
      box.classList.remove("changed", "htmx-swapping", "htmx-settling", "htmx-added", "htmx-request");
      if (!box.classList.length) box.removeAttribute("class");
      for (const name of ["data-etag", "data-seen", "data-offered", "aria-busy", "open", "tabindex"]) box.removeAttribute(name);
      if (box.matches("[data-copy], [data-dismiss], [data-without-script]")) box.removeAttribute("hidden");
      if (box.matches("[name=csrfmiddlewaretoken]")) box.removeAttribute("value");
      if (!times && box.matches("time")) { box.textContent = ""; box.removeAttribute("title"); }
    }
    return copy;
  };
  // A press ends on what it began on: a click is lost where that is replaced before the button goes up.
  let pressed = null;
  addEventListener("pointerdown", event => { pressed = event.button || event.ctrlKey ? null : event.target; }, { capture: true, passive: true });
  // What follows where the button's going up is somebody else's: of a menu, a dragged link, another window.
  for (const name of ["pointerup", "pointercancel", "contextmenu", "dragend", "blur", "visibilitychange"]) addEventListener(name, () => setTimeout(() => { pressed = null; }), { capture: true, passive: true });
  const typing = piece => [...piece.querySelectorAll("textarea, input:not([type=hidden], [type=checkbox], [type=radio])")].some(field => field.value !== field.defaultValue);
  const busy = piece => {
    const at = piece.contains(document.activeElement) ? document.activeElement : null;
    return at?.matches("textarea, select, input:not([type=checkbox], [type=radio])") || piece.querySelector(":popover-open, dialog[open]") || typing(piece) || pressed && piece.contains(pressed);
  };
  const rows = piece => [...piece.querySelectorAll("tbody tr, li, [data-row]")].map(row => row.dataset.row || row.id || row.querySelector("a[href]")?.getAttribute("href")).filter(Boolean);
  const moves = (piece, next) => { const now = rows(next); return rows(piece).some((row, n) => row !== now[n]); };
  const path = (from, to) => { const steps = []; for (let at = to; at !== from; at = at.parentElement) steps.unshift([...at.parentElement.children].indexOf(at)); return steps; };
  const walk = (from, steps) => steps.reduce((at, n) => at?.children[n], from);

  // Answers the element that now shows this state of the piece; nothing when it has to wait.
  const swap = (piece, html) => {
    const next = fresh(html);
    if (!next) return null;
    if (plain(piece, true).isEqualNode(plain(next, true))) return piece;
    if (busy(piece)) { hold(piece); return null; }
    if (piece.matches(":hover") && moves(piece, next)) { offer(piece); return null; }
    if (plain(piece, false).isEqualNode(plain(next, false))) for (const box of [next, ...next.querySelectorAll(".changed")]) box.classList.remove("changed");
    put(piece, next);
    return next;
  };
  const put = (piece, next) => {
    const at = piece.contains(document.activeElement) ? document.activeElement : null;
    const focus = at && { id: at.id, steps: path(piece, at) };
    const opened = [...piece.querySelectorAll("details[open]")].map(box => box.id ? `#${CSS.escape(box.id)}` : path(piece, box));
    const ticked = [...piece.querySelectorAll("input:is([type=checkbox], [type=radio])")].filter(box => box.checked !== box.defaultChecked);
    const scrolled = [piece, ...piece.querySelectorAll("*")].filter(box => box.scrollTop || box.scrollLeft).map(box => [path(piece, box), box.scrollTop, box.scrollLeft]);
    const before = piece.dataset.announce;
    piece.replaceWith(next);
    for (const box of opened) { const found = typeof box === "string" ? next.querySelector(box) : walk(next, box); if (found?.localName === "details") found.open = true; }
    for (const box of ticked) { const found = [...next.querySelectorAll("input")].find(one => one.type === box.type && one.name === box.name && one.value === box.value); if (found) found.checked = box.checked; }
    for (const [steps, top, left] of scrolled) { const found = walk(next, steps); if (found) { found.scrollTop = top; found.scrollLeft = left; } }
    // What had it may be gone with what it offered: then what else is in its cell.
    if (focus) (focus.id && document.getElementById(focus.id) || walk(next, focus.steps) || next.matches(".matrix tr") && walk(next, focus.steps.slice(0, 1))?.querySelector("a"))?.focus({ preventScroll: true });
    window.htmx?.process(next);
    next.dispatchEvent(new CustomEvent("towpath:swapped", { bubbles: true, detail: { focused: Boolean(at) } }));
    const said = next.dataset.announce, place = document.getElementById("announce");
    if (said && said !== before && place) place.textContent = said;
    paint();
  };
  const hold = piece => setTimeout(() => { if (piece.isConnected) { waiting.add(piece.dataset.src); pump(); } }, 2000);
  // Rows never move under the pointer: they wait until it leaves, or until they are asked for.
  const offer = piece => {
    if (piece.dataset.offered) return;
    piece.dataset.offered = "1";
    const box = document.createElement("div"), words = document.createElement("p"), button = document.createElement("button");
    box.className = "toast"; words.textContent = "This list has changed."; button.className = "btn"; button.type = "button"; button.textContent = "Refresh";
    const take = () => { box.remove(); removeEventListener("pointermove", left); if (piece.isConnected) { delete piece.dataset.offered; waiting.add(piece.dataset.src); pump(); } };
    const left = () => { if (!piece.matches(":hover")) take(); };
    button.addEventListener("click", take); addEventListener("pointermove", left, { passive: true });
    box.append(words, button); document.getElementById("toasts")?.append(box);
  };
  // What is not there any more may come back: its row stays in its place, unseen and without a tag.
  const vanish = piece => {
    if (!piece.matches("tr, li, [data-row]") || piece.hidden) return;
    if (piece.parentElement?.matches(":hover") || piece.contains(document.activeElement)) return hold(piece);
    piece.hidden = true; etags.delete(piece); delete piece.dataset.etag;
  };

  // ---- The whole of it
  // Another attempt has begun while the page shows the one before: the main part is drawn anew, unless one was chosen.
  const redraw = async () => {
    if (new URLSearchParams(location.search).has("attempt")) return;
    const answer = await fetch(location.href, { credentials: "same-origin" });
    const next = answer.ok && new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
    const main = document.querySelector("main");
    if (next && main) put(main, document.adoptNode(next));
  };
  addEventListener("towpath:outdated", redraw);
  addEventListener("htmx:afterSettle", paint);

  if (document.hidden) hiding = setTimeout(rest, HIDDEN);
  connect();
})();
