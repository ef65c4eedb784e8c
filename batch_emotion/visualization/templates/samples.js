"use strict";
// Sorts the table of samples by a column and hides the rows that the filters exclude.
(() => {
  const table = document.getElementById("samples");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const filters = document.getElementById("filters");
  const text = document.getElementById("filter-text");
  const choices = [...filters.querySelectorAll("select")];
  const shown = document.getElementById("shown");

  function apply() {
    const wanted = text.value.toLowerCase();
    let count = 0;
    for (const row of rows) {
      row.hidden =
        !row.dataset.text.toLowerCase().includes(wanted) ||
        choices.some((choice) => choice.value && !row.dataset[choice.name].split(" ").includes(choice.value));
      count += row.hidden ? 0 : 1;
    }
    shown.textContent = `${count} of ${rows.length} ${table.dataset.unit}`;
  }

  function sort(header) {
    const column = [...header.parentNode.cells].indexOf(header);
    const up = header.getAttribute("aria-sort") !== "ascending";
    for (const each of header.parentNode.cells) each.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", up ? "ascending" : "descending");
    const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
    const numeric = header.dataset.numeric !== undefined;
    rows.sort((one, other) => {
      const [a, b] = [value(one), value(other)];
      if (a === "" || b === "") return (a === "") - (b === "");
      const order = numeric ? a - b : a.localeCompare(b);
      return up ? order : -order;
    });
    body.append(...rows);
  }

  for (const header of table.tHead.rows[0].cells) {
    if (header.dataset.fixed !== undefined) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    button.addEventListener("click", () => sort(header));
    header.replaceChildren(button);
  }
  text.addEventListener("input", apply);
  for (const choice of choices) choice.addEventListener("change", apply);
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.hidden = false;
  apply();
})();
