// Tails the logs of an open page: lines travel in streams of their own, one for each log, and are put at its end once
// each. A log is an element with data-tail, the address of its stream, and data-tail-after, the last line it has.
// Without this script, reloading does the same.
"use strict";
(() => {
  if (!document.body.dataset.stream || !window.EventSource) return;
  const LINES = 5000, tails = new Map();
  let resting = false;
  const listen = () => {
    for (const log of tails.keys()) if (!log.isConnected) { hush(log); tails.delete(log); }
    for (const log of document.querySelectorAll("[data-tail]")) if (!tails.get(log)?.source && !tails.get(log)?.over) { if (!tails.has(log)) settle(log); follow(log); }
  };
  // Whoever follows begins at the end; only the log itself scrolls, never the page around it.
  const settle = log => { if (document.querySelector(`[data-follow="${CSS.escape(log.id)}"]`)?.checked) log.scrollTop = log.scrollHeight; };
  const hush = log => { const tail = tails.get(log); tail?.source?.close(); if (tail) tail.source = null; };
  const follow = log => {
    if (resting) return;
    const url = new URL(log.dataset.tail, location.href);
    if (log.dataset.tailAfter) url.searchParams.set("after", log.dataset.tailAfter);
    const tail = { source: new EventSource(url), over: false };
    tails.set(log, tail);
    tail.source.addEventListener("lines", event => append(log, event));
    tail.source.addEventListener("end", event => { hush(log); tail.over = true; if (/^attempt /.test(event.data)) dispatchEvent(new CustomEvent("towpath:outdated")); });
    tail.source.onerror = () => { if (tail.source?.readyState === EventSource.CLOSED) { hush(log); setTimeout(() => log.isConnected && !document.hidden && follow(log), 3000 + Math.random() * 2000); } };
  };
  const ground = log => { for (let box = log; box; box = box.parentElement) if (/auto|scroll/.test(getComputedStyle(box).overflowY) && box.scrollHeight > box.clientHeight + 1) return box; return document.scrollingElement; };
  const append = (log, event) => {
    const switchOf = document.querySelector(`[data-follow="${CSS.escape(log.id)}"]`), floor = ground(log);
    const end = floor.scrollHeight - floor.scrollTop - floor.clientHeight < 48;
    const box = document.createElement("template");
    box.innerHTML = event.data;
    log.append(box.content);
    if (event.lastEventId) log.dataset.tailAfter = event.lastEventId;
    while (log.childElementCount > LINES) log.firstElementChild.remove();
    for (const empty of [log.previousElementSibling, log.nextElementSibling]) if (empty?.matches("p.pad.muted")) empty.remove();
    const count = document.querySelector(`[data-lines="${CSS.escape(log.id)}"]`);
    if (count && event.lastEventId) count.textContent = `${event.lastEventId} ${event.lastEventId === "1" ? "line" : "lines"}`;
    if (end && switchOf?.checked) floor.scrollTop = floor.scrollHeight;
  };
  addEventListener("change", event => {
    const log = event.target.dataset?.follow && document.getElementById(event.target.dataset.follow);
    if (log && event.target.checked) { const floor = ground(log); floor.scrollTop = floor.scrollHeight; }
  });

  // The page's own stream rests, goes on, and tells what changed: a run that is written to again is listened to again.
  addEventListener("towpath:resting", event => {
    resting = event.detail;
    if (resting) tails.forEach((_, log) => hush(log)); else listen();
  });
  addEventListener("towpath:changed", event => {
    for (const [log, tail] of tails) if (!tail.source && event.detail.some(one => one.startsWith("run:") && log.dataset.tail.includes(one.slice(4)))) follow(log);
  });
  addEventListener("towpath:swapped", listen);
  addEventListener("htmx:afterSettle", listen);
  listen();
})();
