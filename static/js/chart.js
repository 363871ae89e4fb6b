/* <canvas data-chart="address">: stacked bars of the numbers that the address gives.
   The colours are the page's own, in both themes. */
document.addEventListener("DOMContentLoaded", async () => {
  const colours = { accepted: "success", refused: "danger", deferred: "info", unknown: "warning" };
  const colour = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(`--bs-${name}`).trim();

  for (const canvas of document.querySelectorAll("canvas[data-chart]")) {
    const answer = await fetch(canvas.dataset.chart, { headers: { Accept: "application/json" } });
    if (!answer.ok) continue; // the table below has the same numbers
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
  }
});
