// Elements with the class `live` refresh themselves: by polling, and at once after a change. A poll sends the tag of
// what is shown and gets 304 if that is current. It rests while the tab is hidden, and never moves what one works with.
// The label tells how old the last good answer is; if it is too old, ages stop.
import { age, answered, sinceAnswer, tick } from "./clock.mjs";
import { announce, isRefresh } from "./toasts.mjs";
const [OLD, TOO_OLD] = [6, 15]; // seconds
const WORDS = { live: "Live", paused: "Paused", refused: "Refused, retrying", out: "Signed out" };
const label = document.getElementById("live");
let isPaused = false;
let state = "live"; // what came of the last poll; or "lost", "refused", "out"
let mayMove = false; // the next refresh may move rows: a job that was created here is to be seen
let isTouched = matchMedia("(hover: none)").matches; // where a finger will come down is not known before
const refresh = () => document.dispatchEvent(new CustomEvent("look"));
const onRefresh = (name, act) =>
  document.addEventListener(`htmx:${name}`, (event) => isRefresh(event.detail.ctx) && act(event.detail.ctx, event));

function show() {
  const seconds = sinceAnswer();
  const byAge = seconds < OLD ? "live" : seconds < TOO_OLD ? "old" : "lost";
  const shown = isPaused ? "paused" : state === "lost" || state === "live" ? byAge : state;
  const text = WORDS[shown] ?? `Updated ${age(seconds * 1000)} ago`;
  label.hidden = !document.querySelector(".live[data-hx-trigger^=every]");
  label.dataset.state = shown;
  label.ariaPressed = isPaused;
  if (label.textContent !== text) label.firstElementChild.textContent = text; // unchanged text stays
  if (label.hidden || seconds < TOO_OLD) tick();
}

function become(next) {
  if (next === "lost" && state !== "lost") announce("Connection lost, retrying");
  if (next !== "lost" && state === "lost") announce("Connected again");
  state = next;
  show();
}

// On a later page, under the pointer, with a finger, the focus or a selection, chosen or scrolled: then the rows stay, and
// newer jobs are only counted.
const isInUse = (board) =>
  /[?&](before|after)=/.test(location.search) || isTouched || scrollY > 0 ||
  board.querySelector(":is(tbody, .arrived, .chosen):is(:hover, :focus-within), td.pick :checked") ||
  (!getSelection().isCollapsed && getSelection().containsNode(board, true));

label.addEventListener("click", () => {
  if (state !== "out") isPaused = !isPaused;
  show();
  if (!isPaused) refresh();
});
document.addEventListener("visibilitychange", () => document.hidden || isPaused || refresh());
document.addEventListener("job-created", () => (mayMove = true));
document.addEventListener("pointerdown", ({ pointerType }) => (isTouched = pointerType === "touch"));

onRefresh("config:request", (ctx) => {
  const { sourceElement: element, request } = ctx;
  ctx.askedFor = element.dataset.hxGet;
  request.timeout = 5_000;
  request.headers["If-None-Match"] = `"${element.dataset.tag}"`;
  const rows = [...element.querySelectorAll("[data-seq]")].map((row) => row.dataset.seq);
  if (rows.length && !mayMove && isInUse(element)) {
    request.body.set("hold", rows.join());
    request.body.set("known", element.dataset.known);
  }
  mayMove = false;
});
onRefresh("before:request", (ctx, event) => {
  const rests = ctx.sourceEvent.type === "every" && (document.hidden || isPaused || state === "out");
  const isOutdated = ctx.askedFor !== ctx.sourceElement.dataset.hxGet; // the filter has changed while this waited
  if (rests || isOutdated) event.preventDefault();
});
onRefresh("after:request", (ctx) => {
  const { status, headers } = ctx.response;
  const next = status >= 500 ? "lost" : status === 401 ? "out" : ctx.hx.retarget ? "refused" : "live";
  if (next === "refused" && next === state) ctx.hx.reswap = "none"; // the reason is shown once
  if (next === "live") answered(headers.get("date"));
  become(next);
});
onRefresh("error", () => become("lost"));
document.addEventListener("htmx:after:swap", show); // the last live element may be gone, or the first one there

htmx.registerExtension("folds", {
  // A refresh neither opens nor closes a <details>, and leaves a busy button alone.
  htmx_before_morph_attr: (element, { attrName }) => !(element.matches("details") && attrName === "open"),
  htmx_before_morph_node: (_, { oldNode }) => !oldNode.ariaBusy,
});
setInterval(show, 1000);
show();
htmx.process(document.body); // by itself htmx starts a moment later, and until then a click leaves the page
