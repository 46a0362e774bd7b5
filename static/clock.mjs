// Ages and running times by the server's clock. dashboard/web/filters.py has the same two formats. The browser's clock
// may be wrong or be changed, so only performance.now() is read.

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

export function tick() {
  for (const element of document.querySelectorAll("[data-age], span[data-since]")) {
    const since = new Date(element.dateTime ?? element.dataset.since);
    const seconds = Math.max(0, Math.floor((performance.now() + ahead - since) / 1000));
    const text = element.dateTime ? age(seconds) : clock(seconds);
    if (element.textContent !== text) element.firstChild.data = text; // a text that stays keeps its selection
  }
}
