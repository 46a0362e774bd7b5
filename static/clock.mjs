// Ages and running times advance every second, by the server's clock. dashboard/web/filters.py has the same two formats.

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

function show(element, since, format) {
  const text = format(Math.max(0, Math.floor((Date.now() + ahead - new Date(since)) / 1000)));
  if (element.textContent !== text) element.firstChild.data = text; // a text that stays keeps its selection
}

setInterval(() => {
  for (const element of document.querySelectorAll("[data-age]")) show(element, element.dateTime, age);
  for (const element of document.querySelectorAll("span[data-since]")) show(element, element.dataset.since, clock);
}, 1000);
