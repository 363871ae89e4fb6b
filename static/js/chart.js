/* <canvas data-chart="address">: stacked bars of the numbers that the address gives.
   The colours are the page's own, in both themes. The library is large: it is loaded when
   somebody comes near a chart, from the address that this script is given. */
const library = document.currentScript.dataset.library;

document.addEventListener("DOMContentLoaded", () => {
  const colours = { accepted: "success", refused: "danger", deferred: "info", unknown: "warning" };
  const colour = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(`--bs-${name}`).trim();

  const loaded = () =>
    new Promise((resolve, reject) => {
      if (window.Chart) return resolve();
      const script = Object.assign(document.createElement("script"), { src: library });
      script.addEventListener("load", resolve);
      script.addEventListener("error", reject);
      document.head.append(script);
    });

  const show = async (canvas) => {
    const answer = await fetch(canvas.dataset.chart, { headers: { Accept: "application/json" } });
    if (!answer.ok) return; // the table below has the same numbers
    await loaded();
    const { labels, series } = await answer.json();
    const chart = new Chart(canvas, {
      type: "bar",
      data: {
        labels,
        datasets: series.map(({ name, label, values }) => ({
          label,
          data: values,
          backgroundColor: colour(colours[name]),
          maxBarThickness: 48,
        })),
      },
      options: {
        animation: false,
        maintainAspectRatio: false,
        scales: {
          x: { stacked: true, grid: { display: false } },
          y: { stacked: true, beginAtZero: true, ticks: { precision: 0 } },
        },
      },
    });
    const draw = () => {
      const words = colour("body-color");
      const lines = colour("border-color");
      for (const axis of Object.values(chart.options.scales)) {
        axis.ticks.color = words;
        if (axis.grid) axis.grid.color = lines;
      }
      chart.options.plugins.legend.labels.color = words;
      chart.update();
    };
    draw();
    new MutationObserver(draw).observe(document.documentElement, {
      attributes: true,
      attributeFilter: ["data-bs-theme"],
    });
  };

  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((each) => each.isIntersecting)) {
      watch.unobserve(entry.target);
      show(entry.target);
    }
  });
  for (const canvas of document.querySelectorAll("canvas[data-chart]")) watch.observe(canvas);
});
