// Ages, how long something took and what is left of a time, by the server's clock; times are the browser's local ones.
// dashboard/web/filters.py has the same three formats, of milliseconds here. The browser's clock may be wrong or be
// changed, so only performance.now() is read.

let ahead = new Date(document.body.dataset.now) - performance.now(); // of the server's clock, in ms
let answeredAt = performance.now();

export const sinceAnswer = () => Math.floor((performance.now() - answeredAt) / 1000); // seconds

export function answered(date) {
  answeredAt = performance.now();
  const difference = new Date(date) - answeredAt - ahead;
  if (Math.abs(difference) > 2_000) ahead += difference; // more than a date without milliseconds makes: it has slept
}

const UNITS = [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]];

function inUnits(ms, both) {
  const seconds = Math.floor(ms / 1000);
  const [size, unit, smaller, small] = UNITS.find(([size]) => seconds >= size) ?? [1, "s", 1];
  const rest = Math.floor((seconds % size) / smaller);
  return `${Math.floor(seconds / size)} ${unit}${both && rest ? ` ${rest} ${small}` : ""}`;
}
export const age = (ms) => inUnits(ms);
export const left = (ms) => (ms < 3_600_000 ? inUnits(ms, true) : age(ms + 1_800_000));
export const lasted = (ms) =>
  ms < 1_000 ? `${ms} ms` : ms < 10_000 ? `${(Math.floor(ms / 100) / 10).toFixed(1)} s` : inUnits(ms, true);

function local(moment, end) {
  const ahead = -new Date(moment).getTimezoneOffset(); // of UTC, in minutes
  const zone = `${ahead < 0 ? "-" : "+"}${Math.floor(Math.abs(ahead) / 60)}${ahead % 60 ? `:${Math.abs(ahead % 60)}` : ""}`;
  const there = new Date(Date.parse(moment) + ahead * 60_000).toISOString();
  return `${there.slice(0, 10)} ${there.slice(11, end)} UTC${ahead ? zone : ""}`;
}

function show(element, text) {
  if (element.textContent !== text) element.firstChild.data = text; // a text that stays keeps its selection
}

export function tick() {
  const now = performance.now() + ahead;
  const since = (moment, sign = 1) => Math.max(0, Math.floor(sign * (now - new Date(moment))));
  for (const each of document.querySelectorAll("[data-now]")) each.dateTime = new Date(now).toISOString();
  for (const each of document.querySelectorAll("time"))
    show(each, "age" in each.dataset ? age(since(each.dateTime)) : local(each.dateTime, "exact" in each.dataset ? 23 : 19));
  for (const each of document.querySelectorAll("span[data-since]")) show(each, lasted(since(each.dataset.since)));
  for (const each of document.querySelectorAll("span[data-until]")) show(each, left(since(each.dataset.until, -1)));
}
