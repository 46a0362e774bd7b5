// Ages, running times and what is left of a time by the server's clock. dashboard/web/filters.py has the same three
// formats. The browser's clock may be wrong or be changed, so only performance.now() is read.

let ahead = new Date(document.body.dataset.now) - performance.now(); // of the server's clock, in ms
let answeredAt = performance.now();

export const sinceAnswer = () => Math.floor((performance.now() - answeredAt) / 1000); // seconds

export function answered(date) {
  answeredAt = performance.now();
  const difference = new Date(date) - answeredAt - ahead;
  if (Math.abs(difference) > 2_000) ahead += difference; // more than a date without milliseconds makes: it has slept
}

export function age(seconds) {
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]])
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  return `${seconds} s`;
}

function clock(seconds) {
  const two = (number) => String(number).padStart(2, "0");
  const minutes = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return seconds >= 3600 ? `${Math.floor(seconds / 3600)}:${minutes}` : minutes;
}

const left = (seconds) => (seconds < 3600 ? clock(seconds) : age(seconds + 1800));

function show(element, moment, format, sign = 1) {
  const since = (performance.now() + ahead - new Date(moment)) / 1000;
  const text = format(Math.max(0, Math.floor(sign * since)));
  if (element.textContent !== text) element.firstChild.data = text; // a text that stays keeps its selection
}

export function tick() {
  for (const element of document.querySelectorAll("[data-age]")) show(element, element.dateTime, age);
  for (const element of document.querySelectorAll("span[data-since]")) show(element, element.dataset.since, clock);
  for (const element of document.querySelectorAll("span[data-until]")) show(element, element.dataset.until, left, -1);
}
