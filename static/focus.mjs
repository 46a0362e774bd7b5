// The focus is never lost: when the element that had it is gone, the first link of the same row or job gets it.

let place; // the id of the row or job that had the focus last

export const refocus = () =>
  (document.querySelector("dialog[open] :is(input, textarea, button)") ??
    document.getElementById(place)?.querySelector("a, button") ??
    document.getElementById("main")).focus({ preventScroll: true });

document.addEventListener("focusin", ({ target }) => (place = target.closest("tr[id], #job")?.id));
document.addEventListener("htmx:after:swap", () => {
  if (document.activeElement === document.body && place && !document.getElementById("dialog").open) refocus();
});
