/* <button data-check-all="name">: ticks all boxes of that name, or none if all are. */
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-check-all]");
  if (!button) return;
  const name = CSS.escape(button.dataset.checkAll);
  const boxes = [...document.querySelectorAll(`input[type=checkbox][name="${name}"]`)];
  const all = boxes.every((box) => box.checked);
  for (const box of boxes) box.checked = !all;
});
