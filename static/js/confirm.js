/*
 * <form data-confirm="…"> asks before it is sent, and says that it has asked: without
 * that word (and without this script) a page of the server asks.
 */
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.dataset.confirm || form.elements.namedItem("confirmed")) return;
  if (!window.confirm(form.dataset.confirm)) {
    event.preventDefault();
    return;
  }
  const word = document.createElement("input");
  Object.assign(word, { type: "hidden", name: "confirmed", value: "1" });
  form.append(word);
});
