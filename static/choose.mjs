// The tick box in the head of the table chooses all rows of the page, or none of them; how many are chosen is counted
// by the style.
import { announce } from "./toasts.mjs";

const all = () => document.getElementById("choose-all");

function update(chosenAll) {
  const boxes = [...document.querySelectorAll("td.pick input")];
  if (!all()) return 0;
  if (chosenAll !== undefined) for (const each of boxes) each.checked = chosenAll;
  const number = boxes.filter((each) => each.checked).length;
  all().checked = number > 0 && number === boxes.length;
  all().indeterminate = number > 0 && number < boxes.length;
  return number;
}

document.addEventListener("change", ({ target }) => {
  if (target === all()) announce(`${update(target.checked)} chosen`);
  else if (target.matches("td.pick input")) announce(`${update()} chosen`);
});
document.addEventListener("htmx:after:swap", () => update()); // rows may have come or gone
