// Elements with the class `live` refresh themselves: by polling, and at once after a change. A poll sends the tag of
// what is shown and gets 304 if that is current. It rests while the tab is hidden, and never moves what one works with.

const WORDS = {
  paused: "Paused",
  live: "Live, 2 s",
  lost: "Connection lost, retrying",
  refused: "Refused, retrying",
  out: "Signed out",
};

const label = document.getElementById("live");
let isPaused = false;
let state = "live";
let mayMove = false; // the next refresh may move rows: a job that was created here is to be seen

const isRefresh = (ctx) => ctx?.sourceElement.matches(".live");
const refresh = () => document.dispatchEvent(new CustomEvent("look"));

function show(next = state) {
  state = next;
  const shown = isPaused ? "paused" : state;
  label.hidden = !document.querySelector(".live[data-hx-trigger^=every]");
  label.dataset.state = shown;
  label.setAttribute("aria-pressed", isPaused);
  if (label.textContent !== WORDS[shown]) label.firstElementChild.textContent = WORDS[shown]; // unchanged text stays
}

label.addEventListener("click", () => {
  if (label.dataset.state !== "out") isPaused = !isPaused;
  show();
  if (!isPaused) refresh();
});
document.addEventListener("visibilitychange", () => document.hidden || isPaused || refresh());
document.addEventListener("job-created", () => (mayMove = true));

// On a later page, under the pointer, with the focus, scrolled away or with a selection: then the rows stay, and newer
// jobs are only counted.
const isInUse = (board) =>
  /[?&](before|after)=/.test(location.search) ||
  board.querySelector("tbody:hover, tbody :focus") ||
  board.getBoundingClientRect().top < 0 ||
  (!getSelection().isCollapsed && board.contains(getSelection().anchorNode));

document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
  if (!isRefresh(ctx)) return;
  const { sourceElement: element, request } = ctx;
  ctx.askedFor = element.dataset.hxGet;
  request.headers["If-None-Match"] = `"${element.dataset.tag}"`;
  const rows = [...element.querySelectorAll("[data-seq]")].map((row) => row.dataset.seq);
  if (rows.length && !mayMove && isInUse(element)) {
    request.body.set("hold", rows.join());
    request.body.set("since", element.dataset.since);
  }
  mayMove = false;
});

document.addEventListener("htmx:before:request", (event) => {
  const { ctx } = event.detail;
  if (!isRefresh(ctx)) return;
  const rests = ctx.sourceEvent.type === "every" && (document.hidden || isPaused || state === "out");
  const isOutdated = ctx.askedFor !== ctx.sourceElement.dataset.hxGet; // the filter has changed while this waited
  if (rests || isOutdated) event.preventDefault();
});

document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  if (!isRefresh(ctx)) return;
  const { status } = ctx.response;
  const next = status >= 500 ? "lost" : status === 401 ? "out" : ctx.hx.retarget ? "refused" : "live";
  if (next === "refused" && next === state) ctx.hx.reswap = "none"; // the reason is shown once
  show(next);
});

document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
  if (isRefresh(ctx)) show("lost");
});

document.addEventListener("htmx:after:swap", () => show()); // the last live element may be gone, or the first one there

htmx.registerExtension("folds", {
  // A refresh neither opens nor closes a <details>.
  htmx_before_morph_attr: (element, { attrName }) => !(element.matches("details") && attrName === "open"),
});

show();
htmx.process(document.body); // by itself htmx starts a moment later, and until then a click leaves the page
