// Ages, running times and what is left of a time advance every second, by the server's clock. dashboard/web/filters.py
// has the same three formats.

const ahead = new Date(document.body.dataset.now) - Date.now(); // of the server's clock, in ms

function age(seconds) {
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

const since = (moment) => (Date.now() + ahead - new Date(moment)) / 1000;

function show(element, seconds, format) {
  const text = format(Math.max(0, Math.floor(seconds)));
  if (element.textContent !== text) element.firstChild.data = text; // a text that stays keeps its selection
}

setInterval(() => {
  for (const element of document.querySelectorAll("[data-age]")) show(element, since(element.dateTime), age);
  for (const element of document.querySelectorAll("span[data-since]")) show(element, since(element.dataset.since), clock);
  for (const element of document.querySelectorAll("span[data-until]")) show(element, -since(element.dataset.until), left);
}, 1000);
