"use strict";
// Makes the pages smooth; everything works without it. htmx does the requests, this does the rest.

const root = document.documentElement;
root.classList.add("js");
const saved = (action) => {
  try {
    return action(localStorage);
  } catch {
    return null; // the browser lets nothing be saved
  }
};
const theme = saved((storage) => storage.getItem("theme"));
if (theme) root.dataset.theme = theme;

document.addEventListener("DOMContentLoaded", () => {
  const byId = (id) => document.getElementById(id);
  const on = (event, handle, target = document) => target.addEventListener(event, handle);
  const [main, dialog, ask, keys, toasts, live, help] = ["main", "dialog", "ask", "keys", "toasts", "live", "help"].map(byId);

  // ---- Theme: the system's, or what was chosen
  byId("theme").hidden = help.hidden = false;
  on("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    saved((storage) => storage.setItem("theme", root.dataset.theme));
  }, byId("theme"));

  // ---- Polling: what refreshes says which version it has, rests while nobody looks, and never gets in the way
  let paused = false;
  let state = "live";
  let fresh = false; // the next refresh may move rows: one's own new job is to be seen
  const isPoll = (ctx) => ctx?.sourceElement.matches(".live");
  const showLive = (next = state) => {
    state = next;
    live.hidden = !document.querySelector(".live[data-hx-trigger]");
    live.dataset.state = paused ? "paused" : state;
    const words = {
      paused: "Paused",
      live: "Live, 2 s",
      lost: "Connection lost, retrying",
      refused: "Refused, retrying",
      out: "Signed out",
    };
    const word = words[live.dataset.state];
    if (live.firstElementChild.textContent !== word) live.firstElementChild.textContent = word;
    live.setAttribute("aria-pressed", paused);
  };
  const refresh = () => document.dispatchEvent(new CustomEvent("look"));
  showLive();
  on("click", () => {
    if (live.dataset.state !== "out") paused = !paused;
    showLive();
    if (!paused) refresh();
  }, live);
  on("visibilitychange", () => document.hidden || paused || refresh());
  on("job-created", () => (fresh = true));

  // Somebody points at a row, is in one, has marked text, or has scrolled: the rows stay, and new jobs are announced.
  const isBusy = (board) =>
    !fresh &&
    (/[?&](before|after)=/.test(location.search) ||
      board.querySelector("tbody:hover, tbody :focus") ||
      board.getBoundingClientRect().top < 0 ||
      (!getSelection().isCollapsed && board.contains(getSelection().anchorNode)));

  on("htmx:config:request", ({ detail: { ctx } }) => {
    const element = ctx.sourceElement;
    const { headers, body } = ctx.request;
    if (element.matches(".filter")) for (const [name, value] of [...body]) if (!value) body.delete(name);
    if (!isPoll(ctx)) return;
    ctx.asked = element.dataset.hxGet;
    headers["If-None-Match"] = `"${element.dataset.tag}"`;
    const rows = [...element.querySelectorAll("[data-seq]")].map((row) => row.dataset.seq);
    if (rows.length && isBusy(element)) {
      body.set("hold", rows.join());
      body.set("since", element.dataset.since);
    }
    fresh = false;
  });
  on("htmx:before:request", (event) => {
    const { ctx } = event.detail;
    if (!isPoll(ctx)) return;
    const resting = ctx.sourceEvent.type === "every" && (document.hidden || paused || state === "out");
    const outdated = ctx.asked !== ctx.sourceElement.dataset.hxGet; // the filter changed while this waited
    if (resting || outdated) event.preventDefault();
  });
  const polled = (ctx, status) => {
    const next = status >= 500 ? "lost" : status === 401 ? "out" : ctx.hx.retarget ? "refused" : "live";
    if (next === "refused" && next === state) ctx.hx.reswap = "none"; // its sentence is said once
    showLive(next);
  };
  on("htmx:after:request", ({ detail: { ctx } }) => {
    const { status } = ctx.response;
    if (status < 400) document.querySelectorAll(".signed-out").forEach(drop);
    if (isPoll(ctx)) polled(ctx, status);
    else if (status >= 500) say(`The server answered ${status}. Look whether it was done before you try again.`);
    else if (status < 400 && isForm(ctx)) dialog.close();
    else if (status !== 401) drop(ctx.sourceElement.closest(".toast")); // an Undo that was done or refused
  });
  on("htmx:error", ({ detail: { ctx } }) => {
    if (isPoll(ctx)) showLive("lost");
    else if (ctx) say("The server cannot be reached. Look whether it was done before you try again.");
  });

  // ---- Focus is never lost: it goes to the row's or the page's first link when its button is gone
  let focused = null;
  on("focusin", ({ target }) => (focused = target.closest("tr[id], #job")?.id));
  const refocus = () =>
    (
      document.querySelector("dialog[open] :is(input, textarea, button)") ??
      byId(focused)?.querySelector("a, button") ??
      main
    ).focus({ preventScroll: true });
  on("htmx:after:swap", () => {
    showLive(); // what refreshes may have come or gone
    if (document.activeElement === document.body && focused && !dialog.open) refocus();
  });

  // What one has folded stays folded.
  htmx.registerExtension("folds", {
    htmx_before_morph_attr: (element, { attrName }) => !(element.matches("details") && attrName === "open"),
  });

  // ---- Toasts stand in the dialog while one is open, for what is outside it can neither be seen nor reached.
  // What was done goes by itself; an error stays until it is dismissed.
  const region = () => document.querySelector("dialog[open] .toasts") ?? toasts;
  const say = (sentence, kind = "error") => {
    const toast = byId("toast").content.firstElementChild.cloneNode(true);
    toast.className = `toast ${kind}`;
    toast.firstElementChild.textContent = sentence;
    region().append(toast);
  };
  const drop = (toast) => {
    const hadFocus = toast?.contains(document.activeElement);
    toast?.remove();
    if (hadFocus) refocus();
  };
  const expire = (toast) =>
    setTimeout(() => (toast.matches(":hover, :focus-within") ? expire(toast) : toast.remove()), 8000);
  const arrive = (toast) => {
    if (toast.matches(".done")) expire(toast);
    for (const other of toast.parentElement.querySelectorAll(".error"))
      if (other !== toast && other.textContent === toast.textContent) other.remove();
  };
  const arrivals = new MutationObserver((changes) => {
    for (const { addedNodes } of changes)
      for (const node of addedNodes) if (node.isConnected && node.nodeType === 1) arrive(node);
  });
  for (const each of document.querySelectorAll(".toasts")) arrivals.observe(each, { childList: true });
  on("htmx:before:swap", ({ detail: { tasks } }) => {
    for (const task of tasks) if (task.target === toasts) task.target = region();
  });

  // ---- The dialog: what htmx puts into it is shown; the answer to its form, or Cancel, closes it
  new MutationObserver(() => {
    if (ask.firstElementChild && !dialog.open) dialog.showModal();
  }).observe(ask, { childList: true });
  const isForm = (ctx) => ask.contains(ctx.sourceElement);
  on("htmx:before:request", ({ detail: { ctx } }) => isForm(ctx) && region().replaceChildren()); // what the last try was told
  for (const each of [dialog, keys]) on("close", () => toasts.append(...each.querySelectorAll(".toast")), each);
  on("close", () => ask.replaceChildren(), dialog);
  on("click", async (event) => {
    const close = event.target.closest(".close");
    const toast = close?.closest(".toast");
    if (toast) drop(toast);
    else if (close?.closest("dialog")) {
      event.preventDefault();
      dialog.close();
    }
    const copy = event.target.closest("[data-copy]");
    if (copy) await copyText(byId(copy.dataset.copy));
  });
  const copyText = async (element) => {
    try {
      await navigator.clipboard.writeText(element.textContent);
      say("Copied", "done");
    } catch {
      getSelection().selectAllChildren(element); // no clipboard without TLS: one key is left to press
      say("Marked: copy it with the keyboard", "done");
    }
  };

  // ---- Keys: off while one types, and where they are switched off, for speech input would press them
  const single = byId("single-keys");
  single.checked = saved((storage) => storage.getItem("keys")) !== "off";
  on("change", () => saved((storage) => storage.setItem("keys", single.checked ? "on" : "off")), single);
  on("click", () => keys.showModal(), help);
  on("keydown", (event) => {
    if (event.repeat && !["j", "k"].includes(event.key)) return; // a key that is held must not claim job after job
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (!single.checked || event.target.matches("input, select, textarea") || event.target.isContentEditable) return;
    if (event.key === "c" && ![document.body, main].includes(event.target)) return; // it changes a job: not by mistake
    const step = { j: 1, k: -1 }[event.key];
    const links = [...document.querySelectorAll(".jobs .what a")];
    const target = step
      ? links[Math.max(0, links.findIndex((link) => link.closest("tr").contains(document.activeElement)) + step)]
      : document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (!target) return;
    event.preventDefault();
    if (step || target.matches("input")) target.focus();
    else target.click();
  });

  // ---- The API's page
  const swagger = byId("swagger-ui");
  const name = (selector, attributes) => {
    for (const element of document.querySelectorAll(selector))
      for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  };
  const mend = () => {
    name("h3.opblock-tag, section.models h4", { role: "heading", "aria-level": 2 }); // each under the page's first one
    name(".information-container", { role: "region", "aria-label": "About" });
  };
  if (swagger)
    SwaggerUIBundle({
      url: swagger.dataset.url,
      domNode: swagger,
      presets: [SwaggerUIBundle.presets.apis],
      validatorUrl: null,
      onComplete: mend,
    });

  // ---- JSON is checked while one types; the server checks it again
  on("input", ({ target }) => {
    if (!target.matches("[data-json]")) return;
    let sentence = "";
    try {
      if (target.value.trim()) JSON.parse(target.value);
    } catch (error) {
      sentence = `This is no JSON: ${error.message}`;
    }
    byId(`${target.id}-error`).textContent = sentence;
    if (sentence) target.setAttribute("aria-invalid", "true");
    else target.removeAttribute("aria-invalid");
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
  const write = (element, text) => {
    if (element.textContent !== text) element.firstChild.data = text; // untouched text keeps a selection
  };
  setInterval(() => {
    const seconds = (time) => Math.max(0, Math.floor((Date.now() + ahead - new Date(time)) / 1000));
    for (const element of document.querySelectorAll("[data-age]")) write(element, age(seconds(element.dateTime)));
    for (const element of document.querySelectorAll("span[data-since]")) write(element, clock(seconds(element.dataset.since)));
  }, 1000);

  htmx.process(document.body); // now, and not a moment later as it would by itself: till then a click leaves the page
});
