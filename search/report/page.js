"use strict";
(() => {
  const root = document.documentElement;
  const charts = [...document.querySelectorAll("script[data-chart]")].map((said) => ({
    place: document.getElementById(said.dataset.chart),
    figure: JSON.parse(said.textContent),
  }));

  // Colours are the page's own, light or dark: "var(--ink)" is what it says now.
  const coloured = (value, style) => {
    if (typeof value === "string") {
      const name = /^var\((--[a-z]+)\)$/.exec(value);
      return name ? style.getPropertyValue(name[1]).trim() : value;
    }
    if (Array.isArray(value)) return value.map((one) => coloured(one, style));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, coloured(one, style)]));
    }
    return value;
  };

  const touched = matchMedia("(pointer: coarse)").matches;
  const draw = () => {
    const style = getComputedStyle(root);
    const family = getComputedStyle(document.body).fontFamily;
    for (const { place, figure } of charts) {
      const { data, layout } = coloured(figure, style);
      layout.font.family = family;
      // A finger that drags wants to scroll the page.
      if (touched) layout.dragmode = false;
      Plotly.react(place, data, layout, { responsive: true, displaylogo: false, displayModeBar: false });
    }
  };
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

  addEventListener("beforeprint", () => {
    root.dataset.scheme = "light";
    draw();
    for (const { place } of charts) Plotly.Plots.resize(place);
  });
  addEventListener("afterprint", () => {
    delete root.dataset.scheme;
    draw();
    for (const { place } of charts) Plotly.Plots.resize(place);
  });

  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.addEventListener("click", async () => {
      const place = document.getElementById(button.dataset.copy);
      getSelection().selectAllChildren(place);
      try {
        await navigator.clipboard.writeText(place.textContent);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Selected";
      }
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
  }

  const links = new Map([...document.querySelectorAll("nav a")].map((a) => [a.hash.slice(1), a]));
  const seen = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) links.forEach((a, name) => a.classList.toggle("here", name === target.id));
      }
    },
    { rootMargin: "-10% 0px -80% 0px" },
  );
  document.querySelectorAll("main > section").forEach((section) => seen.observe(section));
})();
