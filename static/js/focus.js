/* A part of the page that is fetched anew keeps the focus where it was: htmx itself knows
   only what has an id. */
(() => {
  let lost = null;
  const sign = (element) =>
    [element.tagName, ...["href", "name", "value", "aria-label"].map((each) => element.getAttribute(each))].join(" ");
  const alike = (place, words) =>
    [...place.querySelectorAll("a, button, input, select, summary")].filter((each) => sign(each) === words);

  document.addEventListener("htmx:beforeSwap", ({ detail: { target } }) => {
    const focused = document.activeElement;
    if (!target.contains(focused) || focused === target || focused.id) return;
    const words = sign(focused);
    lost = { place: target.id, words, number: alike(target, words).indexOf(focused) };
  });
  document.addEventListener("htmx:afterSettle", () => {
    if (lost === null || document.activeElement !== document.body) return;
    const place = document.getElementById(lost.place) ?? document.body;
    alike(place, lost.words)[lost.number]?.focus({ preventScroll: true });
    lost = null;
  });
})();
