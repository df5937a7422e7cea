"use strict";
// Tables that sort and filter, and figures that are drawn when somebody comes near them.
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // --- sorting: by a cell's data-order, or its text; what is empty stays last ---
  const collator = new Intl.Collator("en", { numeric: true });
  const keyOf = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.order ?? cell.textContent;
  };
  const compare = (first, second, numeric) =>
    numeric ? Number(first) - Number(second) : collator.compare(first, second);

  const sort = (heading) => {
    const table = heading.closest("table");
    const column = heading.cellIndex;
    const numeric = heading.classList.contains("number");
    // A number is looked at from its top first, a name from its beginning.
    const usual = numeric ? "descending" : "ascending";
    const other = numeric ? "ascending" : "descending";
    const direction = heading.getAttribute("aria-sort") === usual ? other : usual;
    for (const one of all("th[aria-sort]", table)) one.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", direction);
    const sign = direction === "ascending" ? 1 : -1;
    const rows = [...table.tBodies[0].rows].map((row) => [keyOf(row, column), row]);
    rows.sort(([first], [second]) => {
      if (first === "" || second === "") return (first === "") - (second === "");
      return sign * compare(first, second, numeric);
    });
    table.tBodies[0].append(...rows.map(([, row]) => row));
  };
  for (const button of all("thead button")) {
    button.addEventListener("click", () => sort(button.closest("th")));
  }

  // --- filtering: every table of a section, by the facets of its lines and by a text ---
  const filter = (section) => {
    const wanted = all("select[data-facet]", section).filter((one) => one.value);
    const text = section.querySelector("[data-search]").value.trim().toLowerCase();
    for (const table of all("table", section)) {
      const rows = [...table.tBodies[0].rows];
      // A table whose lines do not have what is chosen by is no part of the choice.
      const asked = wanted.filter((one) => rows.some((row) => one.dataset.facet in row.dataset));
      for (const row of rows) {
        const fits = asked.every((one) =>
          JSON.parse(row.dataset[one.dataset.facet] ?? "[]").includes(one.value));
        row.hidden = !fits || !row.textContent.toLowerCase().includes(text);
      }
      const shown = rows.filter((row) => !row.hidden).length;
      const count = `${shown < rows.length ? `${shown} of ` : ""}${rows.length} line${rows.length === 1 ? "" : "s"}`;
      const place = table.closest("details")?.querySelector("summary small") ?? section.querySelector("output");
      place.textContent = count;
    }
  };
  for (const section of all(".filterable")) {
    const form = section.querySelector(".filters");
    if (!form) continue;
    for (const event of ["input", "change"]) form.addEventListener(event, () => filter(section));
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  // --- figures ---
  const themes = JSON.parse(document.getElementById("themes").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let printing = false;
  const specs = new WeakMap();
  const drawn = new Map();

  // Data comes by columns, for its size; Vega wants an object for each line.
  const unpacked = ({ columns, lines }) =>
    lines.map((line) => Object.fromEntries(columns.map((name, index) => [name, line[index]])));

  const specOf = (place) => {
    if (!specs.has(place)) {
      const spec = JSON.parse(place.querySelector("script[type='application/json']").textContent);
      for (const [name, data] of Object.entries(spec.datasets)) spec.datasets[name] = unpacked(data);
      specs.set(place, spec);
    }
    return specs.get(place);
  };

  const draw = async (place) => {
    const spec = structuredClone(specOf(place));
    const theme = dark.matches && !printing ? "dark" : "light";
    if (place.hasAttribute("data-fluid")) {
      spec.width = "container";
      spec.autosize = { type: "fit-x", contains: "padding" };
    }
    drawn.get(place)?.finalize();
    const result = await window.embedFigure(place, spec, {
      actions: { export: true, source: false, compiled: false, editor: false },
      ast: true, // expressions are interpreted: the page needs no right to make code of text
      config: themes[theme],
      renderer: place.dataset.renderer,
      tooltip: { theme },
    });
    drawn.set(place, result);
    place.dataset.drawn = theme;
  };

  const places = all(".drawing");
  const near = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      draw(target).catch((error) => {
        target.textContent = `This figure cannot be drawn: ${error.message}`;
        console.error(error);
      });
    }
  }, { rootMargin: "300px" });
  for (const place of places) near.observe(place);

  dark.addEventListener("change", () => {
    for (const place of [...drawn.keys()]) draw(place);
  });

  // A paper has no "on demand": everything is opened and drawn before it is printed.
  addEventListener("beforeprint", () => {
    for (const one of all("details")) one.open ||= !one.closest(".drawing");
    printing = true;
    for (const place of places) if (place.dataset.drawn !== "light") draw(place);
  });
  addEventListener("afterprint", () => {
    printing = false;
    if (dark.matches) for (const place of drawn.keys()) draw(place);
  });
})();
