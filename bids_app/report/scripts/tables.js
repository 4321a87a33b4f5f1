// Tables sort by the column whose heading is pressed; lists and tables show only what is searched for.
"use strict";

function sortKey(cell) {
  const text = (cell.dataset.sort ?? cell.textContent).trim();
  const number = Number(text.replaceAll(",", "").replace("−", "-").replace("%", ""));
  return text !== "" && !Number.isNaN(number) ? number : text.toLowerCase();
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "number") return -1;
  if (typeof b === "number") return 1;
  return a.localeCompare(b, "en", { numeric: true });
}

function sortBy(table, column, heading) {
  const falling = heading.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [sortKey(row.cells[column]), row]);
  const isMissing = ([key]) => key === "" || key === "–"; // last, in either order
  rows.sort((a, b) => isMissing(a) - isMissing(b) || (falling ? -1 : 1) * compare(a[0], b[0]));
  body.append(...rows.map(([, row]) => row));
}

for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => sortBy(table, column, heading));
  });
}

// Cards: <select data-sorts="id"> sorts the children of an element by data-<value>, rising or falling as it says.
for (const select of document.querySelectorAll("select[data-sorts]")) {
  select.addEventListener("change", () => {
    const list = document.getElementById(select.dataset.sorts);
    const falling = select.selectedOptions[0].dataset.order === "falling";
    const keys = [...list.children].map((item) => [Number(item.dataset[select.value]), item]);
    const worth = (key) => (Number.isNaN(key) ? Infinity : falling ? -key : key);
    keys.sort((a, b) => worth(a[0]) - worth(b[0]));
    list.append(...keys.map(([, item]) => item));
  });
}

// <input data-filters="id"> shows the children (or rows) of an element whose text has all its words.
for (const input of document.querySelectorAll("input[data-filters]")) {
  const list = document.getElementById(input.dataset.filters);
  const note = document.getElementById(`${input.dataset.filters}-count`);
  const total = list.children.length;
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const item of list.children) {
      const text = `${item.dataset.words ?? ""} ${item.textContent}`.toLowerCase();
      item.hidden = !words.every((word) => text.includes(word));
      shown += !item.hidden;
    }
    if (note) note.textContent = `${shown} of ${total} shown`;
  });
}

// A link to a card opens it; #atom-12 and #family-12 mean the same card.
function cardOf(anchor) {
  const other = anchor.startsWith("atom-") ? anchor.replace("atom-", "family-") : anchor.replace("family-", "atom-");
  return document.getElementById(anchor) ?? document.getElementById(other);
}

function openTarget() {
  const target = location.hash && cardOf(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  target.hidden = false;
  for (const block of target.querySelectorAll("details.main")) block.open = true;
  for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
  target.scrollIntoView();
}
window.addEventListener("hashchange", openTarget);
openTarget();
document.documentElement.classList.add("scripted");
