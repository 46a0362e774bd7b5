"use strict";
// Makes the pages smooth; everything works without it. htmx does the requests, this does the rest.

const root = document.documentElement;
root.classList.add("js");
if (localStorage.getItem("theme")) root.dataset.theme = localStorage.getItem("theme");

document.addEventListener("DOMContentLoaded", () => {
  const dialog = document.getElementById("dialog");
  const toasts = document.getElementById("toasts");
  let paused = false;

  // ---- Theme: the system's, or what was chosen
  const theme = document.getElementById("theme");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    localStorage.setItem("theme", (root.dataset.theme = dark ? "light" : "dark"));
  });

  // ---- Polling: what refreshes says which version it has, and rests while nobody looks
  const live = document.getElementById("live");
  const isPoll = (ctx) => ctx.sourceElement.matches(".live");
  const showLive = (state) => {
    live.hidden = !document.querySelector(".live[data-hx-trigger]");
    live.dataset.state = paused ? "paused" : state;
    live.firstElementChild.textContent = { paused: "Paused", live: "Live, 2 s", lost: "Connection lost, retrying" }[live.dataset.state];
    live.setAttribute("aria-pressed", paused);
  };
  showLive("live");
  live.addEventListener("click", () => {
    paused = !paused;
    showLive("live");
    if (!paused) refresh();
  });
  const refresh = () => document.dispatchEvent(new CustomEvent("jobs-changed"));
  document.addEventListener("visibilitychange", () => document.hidden || paused || refresh());
  document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
    if (isPoll(ctx)) ctx.request.headers["If-None-Match"] = `"${ctx.sourceElement.dataset.tag}"`;
  });
  document.addEventListener("htmx:before:request", (event) => {
    const { ctx } = event.detail;
    if (!isPoll(ctx)) return;
    const resting = ctx.sourceEvent.type === "every" && (document.hidden || paused);
    const outdated = ctx.request.action !== ctx.sourceElement.dataset.hxGet; // the filter changed while it waited
    if (resting || outdated) event.preventDefault();
  });
  document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
    if (isPoll(ctx)) showLive(ctx.response.status < 400 ? "live" : "lost");
    else if (ctx.response.status >= 500) toast(`The server answered ${ctx.response.status}. Nothing was changed; try again.`);
  });
  document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
    if (ctx && isPoll(ctx)) showLive("lost");
    else if (ctx) toast("The server cannot be reached. Nothing was changed; try again.");
  });
  document.addEventListener("htmx:after:swap", () => showLive("live"));

  // ---- Toasts
  const toast = (sentence) => {
    const box = document.createElement("div");
    box.className = "toast error";
    box.append(document.createElement("p"));
    box.firstChild.textContent = sentence;
    toasts.append(box);
  };
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes)
      for (const node of addedNodes) if (node.nodeType === 1) setTimeout(() => node.remove(), 8000);
  }).observe(toasts, { childList: true });

  // ---- The dialog: what htmx puts into it is shown; a change of the jobs, or Cancel, closes it
  new MutationObserver(() => {
    if (dialog.firstElementChild && !dialog.open) dialog.showModal();
  }).observe(dialog, { childList: true });
  document.addEventListener("jobs-changed", () => dialog.open && dialog.close());
  dialog.addEventListener("close", () => dialog.replaceChildren());
  document.addEventListener("click", (event) => {
    const close = event.target.closest(".close");
    if (!close) return;
    if (close.closest("dialog")) {
      event.preventDefault();
      dialog.close();
    } else close.closest(".toast")?.remove();
  });

  // ---- JSON is checked while one types; the server checks it again
  document.addEventListener("input", ({ target }) => {
    if (!target.matches("[data-json]")) return;
    let sentence = "";
    try {
      if (target.value.trim()) JSON.parse(target.value);
    } catch (error) {
      sentence = `This is no JSON: ${error.message}`;
    }
    document.getElementById(`${target.id}-error`).textContent = sentence;
    target.toggleAttribute("aria-invalid", Boolean(sentence));
  });

  // ---- Ages and clocks tick, by the server's time; formats.py has the same two functions
  const ahead = new Date(document.body.dataset.now) - Date.now();
  const age = (seconds) => {
    for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]])
      if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
    return `${seconds} s`;
  };
  const clock = (seconds) => {
    const two = (number) => String(number).padStart(2, "0");
    const minutes = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
    return seconds >= 3600 ? `${Math.floor(seconds / 3600)}:${minutes}` : minutes;
  };
  setInterval(() => {
    const seconds = (time) => Math.max(0, Math.floor((Date.now() + ahead - new Date(time)) / 1000));
    for (const element of document.querySelectorAll("[data-age]")) write(element, age(seconds(element.dateTime)));
    for (const element of document.querySelectorAll("[data-since]")) write(element, clock(seconds(element.dataset.since)));
  }, 1000);
  const write = (element, text) => {
    if (element.textContent !== text) element.textContent = text; // untouched text keeps a selection
  };
});
